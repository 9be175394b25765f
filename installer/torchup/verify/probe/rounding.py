"""How far a rounded result may be from float64, and what it means when it is further."""

from __future__ import annotations

from typing import Any, NamedTuple

from .result import Result
from .sentences import say

# What summing in float32 may add, relative to the largest element: ten times the limit of fp32 itself.
SUMMATION = 1e-4


class Limit(NamedTuple):
    """How far a result may be off: norm-wise, at its worst element, and where given in units of rounding.

    `unit` is u = 2^-p of an output dtype with p bits. Rounding to nearest is off by at most u for each
    element and by 0.43 u norm-wise, to both sides alike; truncation is off by 0.9 u norm-wise and about
    0.7 u to one side. TF32 inputs give 0.6 * 2^-11 norm-wise.
    """

    norm: float
    worst: float
    unit: float | None = None
    summation: float = SUMMATION


MATMUL = {
    "fp64": Limit(1e-13, 1e-12),
    "fp32": Limit(1e-5, 1e-5),
    "tf32": Limit(1e-3, 2e-3),
    "fp16": Limit(1e-3, 2e-3, 2.0**-11),
    "bf16": Limit(6e-3, 1.2e-2, 2.0**-8),
    # The result is in bf16. Tensor cores add fp8 products with fewer bits than float32 has (inferred).
    "fp8": Limit(1e-2, 3e-2, 2.0**-8, 2e-3),
}
TF32_LOOKS_LIKE = (5e-5, 1e-3)
MOST_ROUNDINGS, MOST_BIAS = 2.0, 0.25


class Error(NamedTuple):
    """How far a result is from its reference: relative to it, and in units of its rounding."""

    norm: float
    worst: float
    bias: float
    roundings: float
    not_finite: int


def error_of(got: Any, want: Any, unit: float = 1.0, summation: float = SUMMATION) -> Error:
    """Measure a result against a float64 reference, both on the CPU."""
    if got.shape != want.shape:
        raise ValueError(f"the shape is {tuple(got.shape)}, not {tuple(want.shape)}")
    got = got.double()
    gap, size = got - want, want.abs()
    return Error(
        norm=float(gap.norm() / want.norm()),
        worst=float(gap.abs().max() / size.max()),
        bias=float((got.abs() - size).mean() / size.mean()) / unit,
        roundings=float((gap.abs() / (unit * size + summation * size.max())).max()),
        not_finite=int((~got.isfinite()).sum()),
    )


def judge(error: Error, limit: Limit, what: str) -> Result:
    """Turn an error and its limit into a result; a NaN is never within a limit."""
    if error.not_finite:
        text = say("{what}: {count} elements are NaN or infinite", what=what, count=error.not_finite)
        return Result("fail", error.not_finite, "not finite", 0, text, "wrong-results")
    if not error.norm <= limit.norm:
        text = say("{what}: error {error:.1e} is above {limit:.0e}", what=what, error=error.norm, limit=limit.norm)
        hint = "wrong-results"
        low, high = TF32_LOOKS_LIKE
        # TF32 is off everywhere alike; one wrong element of the same norm stands out.
        if limit is MATMUL["fp32"] and low < error.norm < high and error.worst < 3 * error.norm:
            text = say("{what}, the size that TF32 gives although it was switched off", what=text)
            hint = "tf32-forced"
        return Result("fail", error.norm, "relative", limit.norm, text, hint)
    if not error.worst <= limit.worst:
        text = say(
            "{what}: the worst element is off by {error:.1e}, above {limit:.0e}",
            what=what,
            error=error.worst,
            limit=limit.worst,
        )
        return Result("fail", error.worst, "relative", limit.worst, text, "wrong-results")
    if limit.unit is not None and not error.roundings <= MOST_ROUNDINGS:
        text = say(
            "{what}: an element is off by {error:.1f} roundings, above {limit:g}",
            what=what,
            error=error.roundings,
            limit=MOST_ROUNDINGS,
        )
        return Result("fail", error.roundings, "roundings", MOST_ROUNDINGS, text, "wrong-results")
    if limit.unit is not None and not abs(error.bias) <= MOST_BIAS:
        text = say(
            "{what}: the result leans to one side by {bias:.2f} roundings: not rounded to nearest",
            what=what,
            bias=error.bias,
        )
        return Result("fail", abs(error.bias), "roundings", MOST_BIAS, text, "wrong-results")
    return Result("pass", error.norm, "relative", limit.norm, what)
