"""Allocating and copying."""

from __future__ import annotations

from typing import Any, Callable

from .bench import MIB, Bench
from .result import Result
from .sentences import listed, mark, say

ALLOCATION = 256 * MIB
COPIED_WORDS = 64 * MIB // 8
THERE_AND_BACK, ON_THE_DEVICE, PINNED = mark("there and back"), mark("on the device"), mark("pinned memory")


def check_alloc(bench: Bench, fill: Callable[[Any, int], Any] | None = None) -> Result:
    """Allocate 256 MiB, fill it, read it back and give it back."""
    torch = bench.torch
    fill = fill or (lambda block, value: block.fill_(value))
    give_back(bench)
    free_before = free_memory(bench)
    block = torch.empty(ALLOCATION // 8, dtype=torch.int64, device=bench.device)
    free_during = free_memory(bench)
    wrong = 0
    for value in (-1, 0x5555555555555555):
        fill(block, value)
        wrong += int((block != value).sum().to("cpu"))
    size = block.numel() * block.element_size() // MIB
    del block
    if wrong:
        return Result("fail", wrong, "wrong words", 0, say("memory does not hold what was written"), "wrong-results")
    detail = say("{size} MiB written and read twice", size=size)
    if free_before is None or free_during is None:
        return Result("pass", size, "MiB", None, detail)
    give_back(bench)
    stuck = memory_that_did_not_move(free_before, free_during, free_memory(bench) or 0)
    if stuck:
        # Another program may have taken or given back memory in between.
        return Result(
            "warn", size, "MiB", None, say("{what}, but {reason}", what=detail, reason=stuck), "device-memory-moves"
        )
    text = say("{what}; {free} MiB were free, and are again", what=detail, free=free_before // MIB)
    return Result("pass", size, "MiB", None, text)


def give_back(bench: Bench) -> None:
    """Let torch return the memory that it keeps for later."""
    if hasattr(bench.api, "empty_cache"):
        bench.api.empty_cache()


def memory_that_did_not_move(before: int, during: int, after: int) -> str | None:
    """Compare the free memory before, during and after an allocation of 256 MiB; None when it moved as it should."""
    half = ALLOCATION // 2
    if before - during < half:
        return say("free memory fell by {size} MiB only while it was held", size=(before - during) // MIB)
    if after - during < half:
        return say("free memory grew by {size} MiB only when it was given back", size=(after - during) // MIB)
    return None


def free_memory(bench: Bench) -> int | None:
    """Read the free memory of the device in bytes, where the device tells."""
    if bench.kind not in ("cuda", "hip"):
        return None
    return int(bench.torch.cuda.mem_get_info(bench.device)[0])


def check_copy(bench: Bench, transfer: Callable[[Any, str], Any] | None = None) -> Result:
    """Copy 64 MiB of random bits to the device, on it and back; every bit must return."""
    torch = bench.torch
    transfer = transfer or (lambda tensor, device: tensor.to(device, copy=True))
    source = torch.randint(-(2**62), 2**62, (COPIED_WORDS,), generator=bench.generator(6))
    on_device = transfer(source, bench.device)
    bench.wait()
    again = transfer(on_device, bench.device)
    ways = {THERE_AND_BACK: transfer(on_device, "cpu"), ON_THE_DEVICE: transfer(again, "cpu")}
    if bench.kind in ("cuda", "hip", "xpu"):
        pinned = source.pin_memory()
        landed = torch.empty_like(source).pin_memory()
        landed.copy_(pinned.to(bench.device, non_blocking=True), non_blocking=True)
        bench.wait()
        ways[PINNED] = landed
    wrong = {name: int((copied != source).sum()) for name, copied in ways.items()}
    bad = {name: count for name, count in wrong.items() if count}
    if bad:
        each = listed(say("{way} {count} words", way=say(name), count=count) for name, count in bad.items())
        text = say("64 MiB changed on the way: {ways}", ways=each)
        return Result("fail", sum(bad.values()), "wrong words", 0, text, "wrong-results")
    return Result("pass", 0, "wrong words", 0, say("64 MiB unchanged: {ways}", ways=listed(map(say, ways))))
