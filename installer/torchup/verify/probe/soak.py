"""All devices busy at once, for minutes."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, Sequence

from .bench import Bench, strict_math
from .cards import facts_of
from .exact import EXACT, exact_product
from .group import MEMBER_SECONDS, Ended, run_members
from .result import Result
from .sampler import Sampler
from .sentences import SEMICOLON, listed, say
from .symptoms import cause_of
from .throttle import judge_throttle


def soak(bench: Bench, seconds: float, matmul: Callable[[Any, Any], Any] | None = None) -> dict[str, Any]:
    """Multiply whole numbers again and again and compare every result bit for bit; TF32 is exact here as well."""
    torch, entry = bench.torch, EXACT["fp32"]
    matmul = matmul or torch.matmul
    size = 128 if bench.kind == "cpu" else 2048
    left = bench.whole(*entry.full, (size, entry.k), seed=140)
    right = bench.whole(*entry.full, (entry.k, size), seed=141)
    want = bench.put(exact_product(left, right).float())
    on_left, on_right = bench.put(left.float()), bench.put(right.float())
    runs = wrong = 0
    start = time.perf_counter()
    with strict_math(torch, tf32=bench.kind == "cuda"), Sampler(bench) as sampler:
        while not runs or time.perf_counter() - start < seconds:
            # Counted on the device: it would be idle half of the time if each product were waited for.
            bad = torch.zeros((), dtype=torch.int64, device=bench.device)
            for _ in range(20):
                bad += (matmul(on_left, on_right) != want).any()
                runs += 1
            wrong += int(bad.to("cpu"))
    taken = time.perf_counter() - start
    return {
        "device": bench.device,
        "name": facts_of(bench).name if bench.kind != "cpu" else "cpu",
        "runs": runs,
        "wrong": wrong,
        "speed": runs * 2 * size * size * entry.k / taken / 1e12,
        "reasons": [sample["reasons"] for sample in sampler.samples if "reasons" in sample],
        "hottest": sampler.most("temperature"),
    }


def check_soak(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Keep all devices busy at once for minutes with exact products; none may ever be wrong."""
    seconds = bench.wishes.soak_seconds
    ends = (run or run_members)("soak", bench, seconds + MEMBER_SECONDS, {"duration": seconds})
    for device, end in zip(bench.devices, ends):  # noqa: B905 - Python 3.9 has no strict
        if end.how != "answered":
            text = say(
                "{device}: the process {how}: {last_words}", device=device, how=end.in_words(), last_words=end.said
            )
            return Result(
                "timeout" if end.how == "hung" else "fail", detail=text, hint=cause_of(text) or "operation-failed"
            )
    return judge_soak([end.said for end in ends], seconds)


MOST_SPREAD = 0.10


def judge_soak(found: Sequence[Mapping[str, Any]], seconds: float) -> Result:
    """Judge a long run on all devices: no wrong result, equal cards equally fast, no throttling."""
    wrong = {one["device"]: one["wrong"] for one in found if one["wrong"]}
    runs = sum(one["runs"] for one in found)
    if wrong:
        each = listed(f"{device} {count}" for device, count in wrong.items())
        text = say("of {runs} products some were wrong: {each}", runs=runs, each=each)
        return Result("fail", sum(wrong.values()), "wrong products", 0, text, "wrong-results")
    speeds = listed(f"{one['device']} {one['speed']:.3g} TFLOPS" for one in found)
    text = say("{runs} products in {seconds:.0f} s, all exact: {speeds}", runs=runs, seconds=seconds, speeds=speeds)
    for name in sorted({one["name"] for one in found}):
        equal = [one["speed"] for one in found if one["name"] == name]
        spread = 1 - min(equal) / max(equal)
        if spread > MOST_SPREAD:
            text = say("{what}; equal cards ({name}) differ by {spread:.0%}", what=text, name=name, spread=spread)
            return Result("warn", spread, "spread", MOST_SPREAD, text, "gpu-slow")
    for one in found:
        throttled = judge_throttle([{"reasons": reason} for reason in one["reasons"]]) if one["reasons"] else None
        if throttled and throttled.status == "warn":
            on_device = say("{device}: {what}", device=one["device"], what=throttled.detail)
            return throttled._replace(detail=listed([on_device, text], SEMICOLON))
    return Result("pass", 0, "wrong products", 0, text)
