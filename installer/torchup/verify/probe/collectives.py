"""Collective operations between all devices."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Mapping, Sequence

from .bench import MIB, Bench
from .group import MEMBER_SECONDS, Ended, backend_of, joined, run_members
from .result import Result
from .sentences import listed, mark, say
from .symptoms import cause_of

EXCHANGED = (1 << 16) + 3
LARGE = mark("all_reduce of 64 MiB")
UNSUPPORTED = re.compile(r"not (support|implement)|unsupported", re.IGNORECASE)


def exchange(torch: Any, dist: Any, rank: int, world: int, device: str) -> dict[str, Any]:
    """Do each collective operation on whole numbers; name those whose result is wrong, and those not supported."""

    def part(of: int, shift: int = 0) -> Any:
        return (torch.arange(EXCHANGED) % 97 + 100 * of + shift).float().to(device)

    def all_reduce() -> bool:
        x = part(rank)
        dist.all_reduce(x)
        return bool(torch.equal(x, sum(map(part, range(world)))))

    def all_gather() -> bool:
        parts = [torch.empty_like(part(rank)) for _ in range(world)]
        dist.all_gather(parts, part(rank))
        return all(torch.equal(got, part(of)) for of, got in enumerate(parts))

    def reduce_scatter() -> bool:
        out = torch.empty_like(part(rank))
        dist.reduce_scatter(out, [part(rank, to) for to in range(world)])
        return bool(torch.equal(out, sum(part(of, rank) for of in range(world))))

    def broadcast() -> bool:
        x = part(rank)
        dist.broadcast(x, src=world - 1)
        return bool(torch.equal(x, part(world - 1)))

    ran, wrong, missing = [], [], []
    for operation in (all_reduce, all_gather, reduce_scatter, broadcast):
        name = operation.__name__
        try:
            right = operation()
        except (RuntimeError, NotImplementedError) as error:
            if not UNSUPPORTED.search(str(error)):
                raise
            missing.append(name)
            continue
        ran.append(name)
        if not right:
            wrong.append(name)
    return {"ran": ran, "wrong": wrong, "missing": missing}


def member_collectives(bench: Bench, request: Mapping[str, Any]) -> dict[str, Any]:
    """Exchange small and large tensors with the other processes."""
    torch, world, rank = bench.torch, request["world"], request["rank"]
    dist = joined(request)
    found = exchange(torch, dist, rank, world, bench.device)
    size = 64 * MIB
    big = torch.full((size // 4,), float(rank + 1), device=bench.device)
    dist.all_reduce(big)
    if not bool((big == world * (world + 1) / 2).all().to("cpu")):
        found["wrong"].append(LARGE)
    runs = 10 if bench.kind != "cpu" else 2
    bench.wait()
    start = time.perf_counter()
    for _ in range(runs):
        dist.all_reduce(big)
    bench.wait()
    seconds = (time.perf_counter() - start) / runs
    # nccl-tests: the bus carries 2(n - 1)/n times the data of an all-reduce.
    found["busbw"] = size / seconds / 1e9 * 2 * (world - 1) / world
    dist.barrier()
    return found


# What is switched off, one at a time, to find the way of the data that hangs.
NCCL_SWITCHES = (("NCCL_P2P_DISABLE", "nccl-p2p-hang-acs"), ("NCCL_SHM_DISABLE", "shm-too-small"))


def check_collectives(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Exchange whole numbers between all devices; a hang is tried again with one way of the data switched off."""
    run = run or run_members
    backend = backend_of(bench)
    settings = {"backend": backend}
    ends = run("collectives", bench, MEMBER_SECONDS, settings)
    bad = [end for end in ends if end.how != "answered"]
    if not bad:
        return judge_collectives(backend, [end.said for end in ends])
    text = say(
        "{backend}: of {total} processes {count} {how}: {last_words}",
        backend=backend,
        total=len(ends),
        count=len(bad),
        how=bad[0].in_words(),
        last_words=bad[0].said,
    )
    cause = cause_of(text)
    if backend == "nccl":
        for name, named in NCCL_SWITCHES:
            if all(end.how == "answered" for end in run("collectives", bench, MEMBER_SECONDS, settings, **{name: "1"})):
                text = say("{what}; with {setting} it works", what=text, setting=f"{name}=1")
                return Result("fail", detail=text, hint=named)
    if any(end.how == "hung" for end in bad):
        return Result("timeout", detail=text, hint=cause or "check-hung")
    return Result("fail", detail=text, hint=cause or "operation-failed")


def judge_collectives(backend: str, found: Sequence[Mapping[str, Any]]) -> Result:
    """Judge what all processes found about the collective operations."""
    wrong = sorted({name for one in found for name in one["wrong"]})
    if wrong:
        text = say(
            "{backend} between {count} processes is wrong: {operations}",
            backend=backend,
            count=len(found),
            operations=listed(map(say, wrong)),
        )
        return Result(
            "fail",
            len(wrong),
            "wrong operations",
            0,
            text,
            "nccl-p2p-hang-acs" if backend == "nccl" else "wrong-results",
        )
    text = say(
        "{backend}: {operations} between {count} processes, exact",
        backend=backend,
        operations=listed(found[0]["ran"]),
        count=len(found),
    )
    if found[0]["missing"]:
        text = say("{what} (not supported: {operations})", what=text, operations=listed(found[0]["missing"]))
    return Result("pass", min(one["busbw"] for one in found), "GB/s", None, text)
