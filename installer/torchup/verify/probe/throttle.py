"""Whether the driver holds the clock down under load."""

from __future__ import annotations

import time
from typing import Mapping, Sequence

from .bench import Bench
from .result import Result, Skip
from .sampler import Sampler
from .sentences import mark, say

# Bits of nvmlDeviceGetCurrentClocksEventReasons that mean trouble. 0x4, the power cap, is normal under load.
BAD_CLOCKS = {
    0x8: mark("hardware slowdown"),
    0x20: mark("too hot (software)"),
    0x40: mark("too hot (hardware)"),
    0x80: mark("power brake"),
}
BAD_SHARE = 0.05


def check_throttle(bench: Bench, samples: Sequence[Mapping[str, int]] | None = None) -> Result:
    """Keep the GPU busy for five seconds and ask the driver all the while whether it holds the clock down."""
    if samples is None:
        torch = bench.torch
        size = 4096
        left = bench.put(bench.normal(size, size, seed=124)).to(bench.dtype("fp16"))
        out = torch.empty_like(left)
        with Sampler(bench) as sampler:
            end = time.perf_counter() + 5.0
            while time.perf_counter() < end:
                for _ in range(10):
                    torch.matmul(left, left, out=out)
                bench.wait()
        samples = sampler.samples
    return judge_throttle(samples)


def judge_throttle(samples: Sequence[Mapping[str, int]]) -> Result:
    """Judge what was sampled under load; a reason in more than one of twenty samples counts."""
    reasons = [sample["reasons"] for sample in samples if "reasons" in sample]
    if not reasons:
        raise Skip(say("NVML does not tell why clocks change"))
    bad = {name: sum(bool(found & bit) for found in reasons) / len(reasons) for bit, name in BAD_CLOCKS.items()}
    hottest = max((sample.get("temperature", 0) for sample in samples), default=0)
    share, name = max((share, name) for name, share in bad.items())
    capped = sum(bool(found & 0x4) for found in reasons) / len(reasons)
    text = say(
        "{count} samples under load, at most {hottest} degrees C; at the power cap in {share:.0%}",
        count=len(reasons),
        hottest=hottest,
        share=capped,
    )
    if share > BAD_SHARE:
        text = say("{reason} in {share:.0%}: {what}", reason=say(name), share=share, what=text)
        return Result("warn", share, "of samples", BAD_SHARE, text, "gpu-throttled")
    return Result("pass", share, "of samples", BAD_SHARE, text)
