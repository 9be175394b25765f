"""Rounded products against float64."""

from __future__ import annotations

from typing import Any, Callable

from .bench import Bench, strict_math
from .dtypes import usable_dtype, usable_fp8, usual_product
from .result import Result, Skip
from .rounding import MATMUL, error_of, judge
from .sentences import say


def check_matmul(bench: Bench, name: str, matmul: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply random matrices in one dtype and compare with float64 on the CPU."""
    torch = bench.torch
    dtype = usable_dtype(bench, name)
    matmul = matmul or usual_product(torch, name)
    if name == "fp64" and bench.kind == "cpu":
        raise Skip(say("float64 on the CPU is the reference itself; exact-fp64 tests it"))
    size = 512
    if bench.level != "quick":
        size = 1024 if bench.kind == "cpu" else 4096
    if bench.kind == "cpu" and name == "fp16":
        size = 256
    if name == "fp64":
        # Consumer GPUs do 1/32 or 1/64 of fp32: 4096 takes over 2 s there, where Windows resets the driver.
        size = min(size, 2048)
    # The reference uses the cast inputs: only the arithmetic is judged, not the rounding of inputs.
    limit = MATMUL[name]
    what = say("{size}x{size} against float64", size=size)
    worst: Result | None = None
    # The hardware multiplies e4m3 with both formats of fp8.
    for right_dtype in (dtype, usable_fp8(bench, "e5m2")) if name == "fp8" else (dtype,):
        left, right = bench.normal(size, size, seed=40).to(dtype), bench.normal(size, size, seed=41).to(right_dtype)
        want = left.double() @ right.double()
        with strict_math(torch, tf32=name == "tf32"):
            got = bench.back(matmul(bench.put(left), bench.put(right)))
        result = judge(error_of(got, want, limit.unit or 1.0, limit.summation), limit, what)
        if result.status != "pass":
            return result
        worst = result if worst is None or result.value > worst.value else worst
    assert worst is not None  # noqa: S101 - the loop above ran
    return worst
