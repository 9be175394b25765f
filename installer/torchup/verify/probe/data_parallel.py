"""Training that is split between devices."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Mapping, Sequence

from .bench import Bench, index_of, strict_math
from .group import MEMBER_SECONDS, Ended, backend_of, joined, run_members
from .result import Result
from .sentences import say
from .symptoms import cause_of
from .training import patches, small_cnn

SPLIT_STEPS, SPLIT_RTOL, SPLIT_ATOL = 5, 1e-4, 1e-5


def train_split(
    bench: Bench,
    dist: Any,
    rank: int,
    world: int,
    wrap: Callable[[Any], Any],
    after_backward: Callable[[Any], None] | None = None,
) -> dict[str, Any]:
    """Train on a part of each batch with the others, and alone on the whole; tell how far the weights differ."""
    torch = bench.torch
    images, labels = patches(bench, 24 * world)
    cross_entropy = torch.nn.functional.cross_entropy

    def trained(model: Any, network: Any, chosen: slice, after: Callable[[Any], None] | None) -> Any:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        x, y = bench.put(images[chosen]), bench.put(labels[chosen])
        for _ in range(SPLIT_STEPS):
            optimizer.zero_grad()
            cross_entropy(network(x), y).backward()
            if after is not None:
                after(model)
            optimizer.step()
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    with strict_math(torch):
        model = small_cnn(bench)
        mine = trained(model, wrap(model), slice(rank, None, world), after_backward)
        model = small_cnn(bench)
        first = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
        alone = trained(model, model, slice(None), None)
    everyone = [torch.empty_like(mine) for _ in range(world)]
    dist.all_gather(everyone, mine)
    gap = (mine - alone).abs() / (SPLIT_ATOL + SPLIT_RTOL * alone.abs())
    return {
        "same": all(torch.equal(mine, other) for other in everyone),
        "gap": float(gap.max().to("cpu")),
        "moved": float((mine - first).abs().max().to("cpu")),
    }


def member_ddp(bench: Bench, request: Mapping[str, Any]) -> dict[str, Any]:
    """Train with DistributedDataParallel."""
    dist = joined(request)
    parallel = importlib.import_module("torch.nn.parallel").DistributedDataParallel
    own = {"device_ids": [index_of(bench.device)]} if bench.kind in ("cuda", "hip") else {}
    return train_split(bench, dist, request["rank"], request["world"], lambda model: parallel(model, **own))


def check_ddp(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Train the small network with DistributedDataParallel; the weights must be those of one device alone."""
    ends = (run or run_members)("ddp", bench, MEMBER_SECONDS, {"backend": backend_of(bench)})
    for end in ends:
        if end.how != "answered":
            text = say(
                "DistributedDataParallel: a process {how}: {last_words}", how=end.in_words(), last_words=end.said
            )
            cause = cause_of(text)
            if end.how == "hung":
                return Result("timeout", detail=text, hint=cause or "check-hung")
            return Result("fail", detail=text, hint=cause or "operation-failed")
    return judge_ddp([end.said for end in ends])


def judge_ddp(found: Sequence[Mapping[str, Any]]) -> Result:
    """Judge the weights of all processes."""
    gap = max(one["gap"] for one in found)
    if not all(one["same"] for one in found):
        text = say("the weights differ between the processes")
        return Result("fail", gap, "x allowed", 1, text, "wrong-results")
    if not gap <= 1:
        text = say("the weights differ from those of one device alone, by {times:.1f} times what is allowed", times=gap)
        return Result("fail", gap, "x allowed", 1, text, "wrong-results")
    if not min(one["moved"] for one in found) > SPLIT_ATOL:
        return Result("fail", gap, "x allowed", 1, say("no weight has moved in training"), "wrong-results")
    text = say("{steps} steps on {count} processes equal those of one", steps=SPLIT_STEPS, count=len(found))
    return Result("pass", gap, "x allowed", 1, text)
