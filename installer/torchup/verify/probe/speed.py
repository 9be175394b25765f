"""Speed, measured by the device's own clock and compared with what such a card reaches elsewhere."""

from __future__ import annotations

import time
from typing import Any, Callable

from .bench import MIB, Bench, strict_math
from .cards import NO_TENSOR_CORES, Facts, Reference, facts_of, reference_of
from .memory import free_memory
from .result import Result
from .sampler import Sampler
from .sentences import say

SLOW, VERY_SLOW = 0.75, 0.25
# Windows resets the driver when a kernel takes 2 s (TdrDelay), and a screen on the same GPU is no more patient.
LONGEST_KERNEL = 1.0


def timed(bench: Bench, work: Callable[[], Any], warm: int, runs: int, seconds: float = 20.0) -> float:
    """Give the median time of one run in seconds, by events of the device where it has them.

    Stops after `seconds` on a slow device, but never before three runs.
    """
    api = bench.api
    event = getattr(api, "Event", None) if bench.kind in ("cuda", "hip", "xpu") else None
    start = time.perf_counter()
    for _ in range(warm):
        work()
        bench.wait()
        if time.perf_counter() - start > seconds / 2:
            break
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < runs and (len(times) < 3 or time.perf_counter() - start < seconds):  # noqa: PLR2004 - for a median
        if event is not None:
            first, last = event(enable_timing=True), event(enable_timing=True)
            first.record()
            work()
            last.record()
            last.synchronize()
            times.append(first.elapsed_time(last) / 1000)
        else:
            begun = time.perf_counter()
            work()
            bench.wait()
            times.append(time.perf_counter() - begun)
    return max(sorted(times)[len(times) // 2], 1e-9)


def judge_speed(measured: float, reference: Reference | None, unit: str, what: str) -> Result:
    """Judge a speed: slow is a warning, below a quarter of what is expected a failure, too fast no measurement."""
    if reference is None:
        # A figure with nothing to stand beside proves nothing, so it is no pass.
        text = say(
            "{what}: {speed:.4g} {unit}, and no reference is known for this device",
            what=what,
            speed=measured,
            unit=unit,
        )
        return Result("skip", measured, unit, None, text)
    if measured > reference.peak:
        text = say(
            "{what}: {speed:.4g} {unit} is more than the device can do ({peak:.4g}), so the timing is wrong",
            what=what,
            speed=measured,
            unit=unit,
            peak=reference.peak,
        )
        return Result("error", None, unit, None, text, "timing-wrong")
    text = say(
        "{what}: {share:.0%} of the {expected:.4g} {unit} expected ({source})",
        what=what,
        share=measured / reference.expected,
        expected=reference.expected,
        unit=unit,
        source=say(reference.source),
    )
    if not measured >= VERY_SLOW * reference.expected:
        return Result("fail", measured, unit, VERY_SLOW * reference.expected, text, "gpu-very-slow")
    if measured < SLOW * reference.expected:
        return Result("warn", measured, unit, SLOW * reference.expected, text, "gpu-slow")
    return Result("pass", measured, unit, SLOW * reference.expected, text)


Measure = Callable[[Bench, Callable[[], Any], int, int], float]


def check_tflops(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Multiply large matrices in the fastest dtype of the device and compare the speed with its card's."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    name, what = fastest_dtype(bench, facts.name)
    sizes = {"quick": (2048,), "standard": (4096, 8192), "full": (4096, 8192, 16384)}[bench.level]
    if bench.kind == "cpu":
        sizes = (256,)
    free = free_memory(bench)
    best, best_size, clock = 0.0, 0, ""
    for size in sizes:
        if free is not None and 3 * size * size * 4 > free:
            continue
        if best and 2 * size**3 / best / 1e12 > LONGEST_KERNEL:
            break
        dtype = bench.dtype(name)
        left, right = (
            bench.put(bench.normal(size, 64, seed=seed)).to(dtype).repeat(1, size // 64) for seed in (120, 121)
        )
        out = torch.empty_like(left)
        with Sampler(bench) as sampler:
            seconds = measure(bench, lambda: torch.matmul(left, right, out=out), 50, 100)  # noqa: B023 - called at once
        speed = 2 * size**3 / seconds / 1e12
        if speed > best:
            best, best_size, clock = speed, size, sampler.clock()
    if not best:
        return Result("error", detail=say("too little free memory for any size"), hint="device-memory-full")
    text = product_on(facts, name, best_size, clock)
    return judge_speed(best, reference_of(facts, what), "TFLOPS", text)


def product_on(facts: Facts, dtype: str, size: int, clock: str) -> str:
    """Name a product of large matrices whose speed was measured."""
    return say("{dtype} matmul {size}{clock} on {card}", dtype=dtype, size=size, clock=clock, card=facts.name)


def fastest_dtype(bench: Bench, card: str) -> tuple[str, str]:
    """Name the dtype that the hardware multiplies fastest without emulation, and its column in the table."""
    if bench.kind == "cuda" and (bench.capability() < (7, 0) or NO_TENSOR_CORES.search(card)):
        return "fp32", "single"
    if (bench.kind == "cuda" and bench.capability() < (8, 0)) or bench.kind == "mps":
        return "fp16", "half"
    return "bf16", "half"


def check_tflops_single(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Multiply large float32 matrices without TF32 and compare the speed with the card's."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    size = 256 if bench.kind == "cpu" else 4096
    left, right = (bench.put(bench.normal(size, size, seed=seed)) for seed in (122, 123))
    out = torch.empty_like(left)
    with strict_math(torch), Sampler(bench) as sampler:
        seconds = measure(bench, lambda: torch.matmul(left, right, out=out), 5, 20)
    text = product_on(facts, "fp32", size, sampler.clock())
    return judge_speed(2 * size**3 / seconds / 1e12, reference_of(facts, "single"), "TFLOPS", text)


def check_membw(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Copy 1 GiB on the device, count what is read and written, and compare with the card's memory."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    size = 1024 * MIB
    free = free_memory(bench)
    if free is not None and free < 3 * size:
        size = free // 4
    if bench.kind == "cpu":
        size = 8 * MIB
    source = torch.empty(size // 4, dtype=torch.float32, device=bench.device).fill_(1.0)
    target = torch.empty_like(source)
    with Sampler(bench) as sampler:
        seconds = measure(bench, lambda: target.copy_(source), 3, 20)
    clock = sampler.clock()
    what = say("copy of {size} MiB{clock} on {card}", size=size // MIB, clock=clock, card=facts.name)
    return judge_speed(2 * size / seconds / 1e9, reference_of(facts, "memory"), "GB/s", what)
