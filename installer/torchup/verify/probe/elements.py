"""A million numbers: element-wise operations, reductions, sorting, and drawing them at random."""

from __future__ import annotations

import math
from typing import Any, Callable, Iterable, Mapping

from .bench import Bench
from .exact import first_difference
from .result import Result
from .sentences import listed, mark, say

ELEMENTS = 1_000_000
# torch.testing.assert_close's defaults for float32.
RTOL, ATOL = 1.3e-6, 1e-5
SUM_OF_ROWS, SUM_OF_COLUMNS = mark("sum of rows"), mark("sum of columns")


def check_elementwise(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Apply add, multiply, exp, tanh, sqrt and softmax to a million numbers and compare with float64."""
    torch = bench.torch
    known: dict[str, Callable[..., Any]] = {
        "add": lambda x: x + 1.25,
        "mul": lambda x: x * x,
        "exp": torch.exp,
        "tanh": torch.tanh,
        "sqrt": lambda x: x.abs().sqrt(),
        "softmax": lambda x: x.softmax(-1),
    }
    tested = {**known, **(operations or {})}
    x = bench.normal(1000, ELEMENTS // 1000, seed=50)
    on_device = bench.put(x)
    worst, worst_name = 0.0, "add"
    for name, operation in known.items():
        want = operation(x.double())
        got = bench.back(tested[name](on_device)).double()
        ratio = float(((got - want).abs() / (ATOL + RTOL * want.abs())).max())
        if not ratio <= worst:
            worst, worst_name = ratio, name
        if math.isnan(ratio):
            return Result("fail", detail=say("{operation} gives NaN", operation=name), hint="wrong-results")
    if worst > 1:
        text = say("{operation} is off by {times:.1f} times what float32 allows", operation=worst_name, times=worst)
        return Result("fail", worst, "x allowed", 1, text, "wrong-results")
    text = say("{count} operations on {total} numbers", count=len(known), total=ELEMENTS)
    return Result("pass", worst, "x allowed", 1, text)


def check_reduce(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Reduce a million whole numbers; sums below 2^24 are exact in float32 in any order."""
    torch = bench.torch
    tested: dict[str, Callable[..., Any]] = {
        "sum": torch.sum,
        SUM_OF_ROWS: lambda x: x.sum(1),
        SUM_OF_COLUMNS: lambda x: x.sum(0),
        "max": torch.amax,
        "argmax": torch.argmax,
        "cumsum": lambda x: x.flatten().cumsum(0),
        **(operations or {}),
    }
    numbers = bench.whole(0, 15, (1000, ELEMENTS // 1000), seed=51)
    numbers[617, 289] = 999
    wants = {
        "sum": numbers.sum(),
        SUM_OF_ROWS: numbers.sum(1),
        SUM_OF_COLUMNS: numbers.sum(0),
        "max": torch.tensor(999),
        "argmax": torch.tensor(617 * 1000 + 289),
        "cumsum": numbers.flatten().cumsum(0),
    }
    on_device = bench.put(numbers.float())
    for name, want in wants.items():
        difference = first_difference(torch, bench.back(tested[name](on_device)), want)
        if difference:
            text = say("{what}: {problem}", what=say(name), problem=difference)
            return Result("fail", 1, "wrong results", 0, text, "wrong-results")
    return all_exact(wants)


def all_exact(operations: Iterable[str]) -> Result:
    """Say which operations gave exactly what they should."""
    names = listed(map(say, operations))
    return Result(
        "pass", 0, "wrong results", 0, say("{names} of {total} numbers, all exact", names=names, total=ELEMENTS)
    )


def check_sort(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Sort, select, gather and scatter a permutation of a million numbers; all results are known."""
    torch = bench.torch
    tested: dict[str, Callable[..., Any]] = {
        "sort": lambda x: torch.sort(x).values,
        "argsort": torch.argsort,
        "topk": lambda x: torch.topk(x, 100).values,
        "gather": lambda x: x.gather(0, x),
        "index_put": lambda x: torch.zeros(1000, dtype=torch.int32, device=x.device).index_put_(
            (x % 1000,), torch.ones_like(x, dtype=torch.int32), accumulate=True
        ),
        **(operations or {}),
    }
    shuffled = torch.randperm(ELEMENTS, generator=bench.generator(52))
    inverse = torch.empty_like(shuffled)
    inverse[shuffled] = torch.arange(ELEMENTS)
    wants = {
        "sort": torch.arange(ELEMENTS),
        "argsort": inverse,
        "topk": torch.arange(ELEMENTS - 1, ELEMENTS - 101, -1),
        "gather": shuffled[shuffled],
        "index_put": torch.full((1000,), ELEMENTS // 1000),
    }
    on_device = bench.put(shuffled)
    for name, want in wants.items():
        difference = first_difference(torch, bench.back(tested[name](on_device)), want)
        if difference:
            text = say("{what}: {problem}", what=say(name), problem=difference)
            return Result("fail", 1, "wrong results", 0, text, "wrong-results")
    return all_exact(wants)


SIGMAS = 5.0


def check_rng(bench: Bench, rand: Callable[[int, int], Any] | None = None) -> Result:
    """Draw random numbers on the device: range, mean and spread, and the same seed gives the same numbers."""
    torch = bench.torch

    def draw(seed: int, count: int) -> Any:
        torch.manual_seed(seed)
        return torch.rand(count, device=bench.device)

    rand = rand or draw
    first, second, other = (bench.back(rand(seed, ELEMENTS)).double() for seed in (60, 60, 61))
    if not bool(((first >= 0) & (first < 1)).all()):
        return Result("fail", detail=say("torch.rand left the range from 0 to 1"), hint="wrong-results")
    if not torch.equal(first, second):
        return Result("fail", detail=say("the same seed gave other numbers"), hint="wrong-results")
    if torch.equal(first, other):
        return Result("fail", detail=say("another seed gave the same numbers"), hint="wrong-results")
    # For uniform numbers the mean has the variance 1/12n, the mean square 4/45n, and the product of
    # neighbours, each less 1/2, 1/144n.
    sizes = {
        mark("mean"): float(first.mean() - 0.5) / math.sqrt(1 / 12 / ELEMENTS),
        mark("mean square"): float((first * first).mean() - 1 / 3) / math.sqrt(4 / 45 / ELEMENTS),
        mark("product of neighbours"): float(((first[1:] - 0.5) * (first[:-1] - 0.5)).mean())
        / math.sqrt(1 / 144 / ELEMENTS),
    }
    name, sigmas = max(sizes.items(), key=lambda item: abs(item[1]))
    if not abs(sigmas) <= SIGMAS:
        text = say(
            "the {what} of {total} numbers is {sigmas:.1f} sigma off",
            what=say(name),
            total=ELEMENTS,
            sigmas=abs(sigmas),
        )
        return Result("fail", abs(sigmas), "sigma", SIGMAS, text, "wrong-results")
    text = say("{total} uniform numbers, repeatable by seed", total=ELEMENTS)
    return Result("pass", abs(sigmas), "sigma", SIGMAS, text)
