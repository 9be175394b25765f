"""Which dtypes a device multiplies, and with what."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterable

from .bench import Bench, index_of
from .devices import describe_cuda
from .excerpts import first_line
from .result import Skip
from .sentences import say


def usable_dtype(bench: Bench, name: str) -> Any:
    """Give the dtype, or skip where the device has none of it."""
    if name == "fp64" and bench.kind == "mps":
        raise Skip(say("Apple GPUs have no float64"))
    if name == "fp64" and bench.kind == "xpu":
        properties = bench.torch.xpu.get_device_properties(bench.device)
        if not getattr(properties, "has_fp64", True):
            raise Skip(say("this Intel GPU has no float64"))
    if name == "tf32" and bench.kind != "cuda":
        raise Skip(say("TF32 is a format of NVIDIA GPUs"))
    if name == "tf32" and bench.capability() < (8, 0):
        raise Skip(say("TF32 needs compute capability 8.0"))
    if name == "fp16" and bench.kind == "cpu":
        small = bench.torch.ones(2, 2, dtype=bench.dtype(name))
        try:
            small @ small
        except RuntimeError as error:  # torch before 2.2
            reason = first_line(str(error))
            raise Skip(say("this torch multiplies no float16 on the CPU: {error}", error=reason)) from error
    if name == "bf16" and bench.kind == "cuda" and bench.capability() < (8, 0):
        small = bench.torch.ones(16, 16, dtype=bench.dtype(name), device=bench.device)
        try:
            for factor in (small, small[None]):  # cuBLAS has functions of their own for batches
                bench.back(factor @ factor)
        except RuntimeError as error:
            if "CUBLAS_STATUS_NOT_SUPPORTED" not in str(error):  # pytorch issue 57773
                raise
            raise Skip(say("this GPU has no bfloat16, and cuBLAS does not emulate it here")) from error
    return usable_fp8(bench) if name == "fp8" else bench.dtype(name)


def usable_dtypes(bench: Bench, names: Iterable[str]) -> dict[str, Any]:
    """Give the dtypes that the device has; fp16, for which a CPU takes long, only on others."""
    found = {}
    for name in names:
        if name == "fp16" and bench.kind == "cpu":
            continue
        with contextlib.suppress(Skip):
            found[name] = usable_dtype(bench, name)
    return found


def usable_fp8(bench: Bench, letters: str = "e4m3") -> Any:
    """Give an fp8 dtype, or skip where the hardware or this torch has none (torch's own gate for its tests)."""
    torch = bench.torch
    suffix = "fn" if letters == "e4m3" else ""
    if bench.kind == "hip":
        gfx = describe_cuda(torch, index_of(bench.device), "hip")["gfx"]
        if not gfx.startswith(("gfx94", "gfx95", "gfx120")):
            raise Skip(say("{gfx} has no fp8", gfx=gfx))
        suffix = "fnuz" if gfx.startswith("gfx94") else suffix
    elif bench.kind == "cuda" and bench.capability() < (8, 9):
        raise Skip(say("fp8 needs compute capability 8.9"))
    dtype = getattr(torch, f"float8_{letters}{suffix}", None)
    if dtype is None or not hasattr(torch, "_scaled_mm"):
        raise Skip(say("this torch has no fp8 products"))
    return dtype


def usual_product(torch: Any, name: str) -> Callable[[Any, Any], Any]:
    """Give torch's product of two matrices in one dtype; that of fp8 has a function of its own, and gives bf16."""
    if name != "fp8":
        product: Callable[[Any, Any], Any] = torch.matmul
        return product

    def fp8_product(left: Any, right: Any) -> Any:
        one = torch.tensor(1.0, device=left.device)
        by_columns = right.t().contiguous().t()
        try:
            result = torch._scaled_mm(left, by_columns, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)  # noqa: SLF001 - has had no public name until 2.10
        except RuntimeError as error:
            if "only supported" not in str(error):  # torch 2.1 and 2.2 take 9.0 only (pytorch issue 118703)
                raise
            reason = first_line(str(error))
            raise Skip(say("this torch has no fp8 product for this GPU: {error}", error=reason)) from error
        return result[0] if isinstance(result, tuple) else result  # torch before 2.5 gives the largest value too

    return fp8_product
