"""Exact products: whole numbers that fit make every partial sum exact, in any order and on any hardware."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from .bench import Bench, strict_math
from .dtypes import usable_dtype, usual_product
from .result import Result
from .sentences import say


class Exact(NamedTuple):
    """Entries for one dtype: sums stay below 2^bits, so that no rounding can happen.

    `signed` goes both ways; `full` is all positive and makes every sum need all `bits` bits or one
    less, so that a result with fewer bits shows.
    """

    k: int
    signed: tuple[int, int]
    full: tuple[int, int]
    bits: int


EXACT = {
    # Entries below 2^11 are exact in TF32 as well. 4096 * 63 * 63 < 2^24.
    "fp32": Exact(4096, (-31, 31), (46, 63), 24),
    "fp16": Exact(512, (-2, 2), (1, 2), 11),
    "bf16": Exact(64, (-2, 2), (1, 2), 8),
    # The result is in bf16: see fp8_product.
    "fp8": Exact(64, (-2, 2), (1, 2), 8),
    # 512 * (2^22 - 1)^2 < 2^53.
    "fp64": Exact(512, (-4194303, 4194303), (3145728, 4194303), 53),
}
LARGEST_INT64_PRODUCT = 50_000_000


def exact_product(left: Any, right: Any) -> Any:
    """Multiply int64 matrices exactly; float64 is as exact below 2^53 and much faster."""
    work = left.shape[0] * left.shape[1] * right.shape[1]
    biggest = int(left.abs().max()) * int(right.abs().max()) * left.shape[1]
    if work <= LARGEST_INT64_PRODUCT or biggest >= 1 << 53:
        return left @ right
    return (left.double() @ right.double()).long()


def check_exact(bench: Bench, name: str, matmul: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply integer matrices in one dtype; the result must equal the int64 product bit for bit."""
    torch, entry = bench.torch, EXACT[name]
    dtype = usable_dtype(bench, name)
    matmul = matmul or usual_product(torch, name)
    # Kernels work in tiles of 8 and more: 1003 and 99 are multiples of none of them, so that the last rows
    # and columns are handled apart. A CPU takes seconds for the larger one.
    sizes = (256, 99) if bench.kind == "cpu" else (256, 1003)
    total = 0
    for size in sizes:
        # The columns of an fp8 product come in sixteens.
        columns = (size + 15) // 16 * 16 if name == "fp8" else size
        for seed, (low, high) in enumerate((entry.signed, entry.full)):
            left = bench.whole(low, high, (size, entry.k), seed=10 + seed)
            right = bench.whole(low, high, (entry.k, columns), seed=20 + seed)
            want = exact_product(left, right)
            with strict_math(torch):
                got = bench.back(matmul(bench.put(left.to(dtype)), bench.put(right.to(dtype))))
            difference = first_difference(torch, got, want)
            if difference:
                text = say("{what}: {problem}", what=f"{size}x{entry.k}x{columns}", problem=difference)
                wrong = int((got.double() != want.double()).sum()) if got.shape == want.shape else want.numel()
                return Result("fail", wrong, "wrong elements", 0, text, "wrong-results")
            total += want.numel()
    text = say("{total} sums of {terms} products, all equal bit for bit", total=total, terms=entry.k)
    return Result("pass", 0, "wrong elements", 0, text)


def first_difference(torch: Any, got: Any, want: Any) -> str | None:
    """Describe how a result differs from whole numbers; None when it does not."""
    if got.shape != want.shape:
        return say("the shape is {found}, not {expected}", found=str(tuple(got.shape)), expected=str(tuple(want.shape)))
    wrong = got.double() != want.double()
    count = int(wrong.sum())
    if not count:
        return None
    spot = tuple(int(position) for position in torch.nonzero(wrong)[0])
    return say(
        "{count} of {total} elements are wrong, the first at {place}: {found} for {expected}",
        count=count,
        total=want.numel(),
        place=str(list(spot)),
        found=float(got[spot]),
        expected=int(want[spot]),
    )


def check_exact_int(bench: Bench, multiply: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply and add int32 and int64 numbers; the results must equal Python's own."""
    torch = bench.torch
    multiply = multiply or (lambda left, right: (left * right).sum(dtype=torch.int64))
    wrong = 0
    for dtype, bound in ((torch.int32, 30000), (torch.int64, 1 << 29)):
        left = bench.whole(-bound, bound, (1000,), seed=30)
        right = bench.whole(-bound, bound, (1000,), seed=31)
        numbers = left.tolist()
        want = sum(number * right_number for number, right_number in zip(numbers, right.tolist()))  # noqa: B905 - 3.9 has no strict
        got = int(multiply(bench.put(left.to(dtype)), bench.put(right.to(dtype))).to("cpu"))
        wrong += got != want
    if wrong:
        return Result("fail", wrong, "wrong sums", 0, say("integer products are wrong"), "wrong-results")
    return Result("pass", 0, "wrong sums", 0, say("int32 and int64 products equal Python's"))
