"""Memory under pressure: more than there is, and all of it."""

from __future__ import annotations

import contextlib
import platform
import re
import sys
from typing import Any, Callable

from .bench import MIB, Bench, index_of
from .exact import check_exact
from .memory import ALLOCATION, free_memory, give_back
from .result import Result, Skip
from .sentences import listed, mark, say


def total_memory(bench: Bench) -> int:
    """Give the size of the device's memory in bytes."""
    if bench.kind == "mps":
        if not hasattr(bench.torch.mps, "recommended_max_memory"):
            raise Skip(say("this torch does not tell how much memory the GPU has"))
        return int(bench.torch.mps.recommended_max_memory())
    return int(bench.api.get_device_properties(index_of(bench.device)).total_memory)


# Before torch says that memory ran out it asks NVML about it, which a slice of MIG and a Jetson refuse: it asserts in place
# of the message (pytorch issues 112377 and 185240).
OUT_OF_MEMORY = re.compile("out of memory|buffer size|NVML_SUCCESS == ", re.IGNORECASE)


def check_oom(
    bench: Bench,
    allocate: Callable[[int], Any] | None = None,
    matmul: Callable[[Any, Any], Any] | None = None,
) -> Result:
    """Ask for twice the memory there is; torch must refuse, and then compute as before."""
    torch = bench.torch
    allocate = allocate or (lambda size: torch.empty(size, dtype=torch.uint8, device=bench.device))
    asked = 2 * total_memory(bench)
    try:
        block = allocate(asked)
    except RuntimeError as error:
        if not OUT_OF_MEMORY.search(str(error)):
            raise
    else:
        del block
        text = say("{size} MiB were granted, twice what the device has", size=asked // MIB)
        # Windows lends a GPU the memory of the machine. Asking for too much is slow there, and never refused.
        lent = sys.platform == "win32" or "microsoft" in platform.release().lower()
        return Result("skip" if lent else "fail", asked // MIB, "MiB", detail=text, hint="memory-not-limited")
    give_back(bench)
    torch.empty(ALLOCATION, dtype=torch.uint8, device=bench.device).fill_(1)
    again = check_exact(bench, "fp32", matmul)
    if again.status != "pass":
        return again._replace(detail=say("after memory ran out: {problem}", problem=again.detail))
    text = say("{size} MiB were refused, and torch computes as before", size=asked // MIB)
    return Result("pass", asked // MIB, "MiB", None, text)


MEMTEST_BLOCK = 256 * MIB
PATTERNS = (
    (0, "0x00"),
    (-1, "0xFF"),
    (0x5555555555555555, "0x55"),
    (-0x5555555555555556, "0xAA"),
    (None, mark("random numbers")),
)


def blocks_that_fit(bench: Bench) -> int:
    """Count the blocks of nine tenths of the free memory, as far as there is room for testing them."""
    give_back(bench)
    free = free_memory(bench)
    if free is None:
        raise Skip(say("the device does not tell how much memory is free"))
    if getattr(bench.api.get_device_properties(index_of(bench.device)), "is_integrated", False):
        free //= 2  # it is the memory of the whole machine
    # One block more is written for comparison, and what compares takes an eighth of one.
    return max(1, min(int(free * 0.9), free - 2 * MEMTEST_BLOCK) // MEMTEST_BLOCK)


def check_memtest(
    bench: Bench, fill: Callable[[Any, int | None, int], Any] | None = None, blocks: int | None = None
) -> Result:
    """Fill nine tenths of the free memory with patterns and random numbers, twice, and read everything back."""
    torch = bench.torch

    def filled(block: Any, value: int | None, seed: int) -> Any:
        if value is not None:
            return block.fill_(value)
        torch.manual_seed(seed)
        return block.random_()

    fill = fill or filled
    if blocks is None:
        blocks = blocks_that_fit(bench)
    held: list[Any] = []
    with contextlib.suppress(RuntimeError):  # others may take memory meanwhile: what can be had is tested
        while len(held) < blocks:
            held.append(torch.empty(MEMTEST_BLOCK // 8, dtype=torch.int64, device=bench.device))
    if not held:
        return Result("error", detail=say("no block of 256 MiB could be had"), hint="device-memory-full")
    wrong: dict[str, int] = {}
    spare = torch.empty_like(held[0])
    for turn in range(2):
        for value, name in PATTERNS:
            # All blocks are written before the first is read, and random ones differ from each other,
            # so that two addresses for one cell show.
            for number, block in enumerate(held):
                fill(block, value, 1000 * turn + number)
            for number, block in enumerate(held):
                want = filled(spare, value, 1000 * turn + number)
                found = int((block != want).sum().to("cpu"))
                if found:
                    wrong[name] = wrong.get(name, 0) + found
    size = len(held) * MEMTEST_BLOCK // MIB
    if wrong:
        each = listed(say("{count} with {pattern}", count=count, pattern=say(name)) for name, count in wrong.items())
        text = say("of {size} MiB, words have changed: {each}", size=size, each=each)
        return Result("fail", sum(wrong.values()), "wrong words", 0, text, "ecc-uncorrectable")
    return Result("pass", 0, "wrong words", 0, say("{size} MiB, five patterns, two passes", size=size))
