"""What transformers are made of: attention, and linear layers."""

from __future__ import annotations

import contextlib
import math
import warnings
from typing import Any, Callable, Sequence

from .bench import Bench, strict_math
from .dtypes import usable_dtypes
from .result import Result, Skip
from .rounding import Limit, error_of, judge
from .sentences import say

DEFAULT = "default"
ATTENTION = {"fp32": Limit(1e-5, 1e-4), "fp16": Limit(2e-3, 8e-3), "bf16": Limit(1e-2, 4e-2)}


def check_sdpa(bench: Bench, attention: Callable[..., Any] | None = None) -> Result:
    """Run scaled dot-product attention in each backend that takes the inputs, against float64."""
    torch = bench.torch
    attend = attention or torch.nn.functional.scaled_dot_product_attention
    q, k, v = (bench.normal(2, 4, 128, 64, seed=seed) for seed in (86, 87, 88))
    ran: list[str] = []
    worst: Result | None = None
    for name, dtype in usable_dtypes(bench, ATTENTION).items():
        limit = ATTENTION[name]
        cast = [tensor.to(dtype) for tensor in (q, k, v)]
        for causal in (False, True):
            want = attention_by_hand(torch, [tensor.double() for tensor in cast], causal)
            for backend, context in attention_backends(torch):
                try:
                    with context, warnings.catch_warnings(), strict_math(torch):
                        warnings.simplefilter("ignore")
                        got = bench.back(attend(*map(bench.put, cast), is_causal=causal))
                except RuntimeError as error:
                    if not refused(backend, str(error)):
                        raise
                    continue
                what = " ".join([backend, name, *(["causal"] if causal else [])])
                result = judge(error_of(got, want), limit, what)
                if result.status != "pass":
                    return result
                ran.append(what)
                if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
                    worst = result
    if worst is None:
        raise Skip(say("no attention backend takes these inputs"))
    return worst._replace(detail=say("{count} combinations; worst: {what}", count=len(ran), what=worst.detail))


def refused(backend: str, error: str) -> bool:
    """Tell whether a backend that was chosen says that it does not take the inputs; torch's own choice must."""
    if backend == DEFAULT:
        return False
    if "No available kernel" in error or "no viable backend" in error.lower():
        return True
    # cuDNN lets itself be chosen and then has no plan for the GPU (pytorch issue 140930, diffusers issue 9704).
    return backend == "cudnn_attention" and "cuDNN Frontend error" in error


def attention_by_hand(torch: Any, inputs: Sequence[Any], causal: bool) -> Any:
    """Compute attention from its definition; the inputs are queries, keys and values."""
    q, k, v = inputs
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(mask, float("-inf"))
    return scores.softmax(-1) @ v


def attention_backends(torch: Any) -> list[tuple[str, Any]]:
    """List torch's own choice of an attention backend, and those that can be chosen one by one from torch 2.3 on."""
    own_choice = (DEFAULT, contextlib.nullcontext())
    attention = getattr(torch.nn, "attention", None)
    if attention is None or not hasattr(attention, "SDPBackend"):
        return [own_choice]
    names = ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION")
    known = [(name, getattr(attention.SDPBackend, name, None)) for name in names]
    chosen = [(name.lower(), attention.sdpa_kernel(backend)) for name, backend in known if backend is not None]
    return [own_choice, *chosen]


LINEAR = {"fp32": Limit(1e-5, 1e-5), "fp16": Limit(2e-3, 4e-3), "bf16": Limit(1.2e-2, 2.4e-2)}


def check_linear(bench: Bench, layer: Callable[[Any, Any, Any], Any] | None = None) -> Result:
    """Run a linear layer with bias and GELU, which cuBLASLt fuses, in each dtype and compare with float64."""
    torch = bench.torch
    functional = torch.nn.functional
    layer = layer or (lambda x, w, b: functional.gelu(functional.linear(x, w, b)))
    worst, worst_name = None, ""
    for name, dtype in usable_dtypes(bench, LINEAR).items():
        limit = LINEAR[name]
        # 250 rows: no multiple of 8, which changes the kernel.
        # Weights as a layer has them: with larger results the curve of GELU would not show.
        x, w = bench.normal(250, 512, seed=97).to(dtype), (bench.normal(384, 512, seed=98) / 512**0.5).to(dtype)
        b = bench.normal(384, seed=99).to(dtype)
        want = functional.gelu(functional.linear(x.double(), w.double(), b.double()))
        with strict_math(torch):
            got = bench.back(layer(*map(bench.put, (x, w, b))))
        result = judge(error_of(got, want), limit, say("linear, bias and gelu in {dtype}", dtype=name))
        if result.status != "pass":
            return result
        if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
            worst, worst_name = result, name
    assert worst is not None  # noqa: S101 - fp32 always runs
    return worst._replace(detail=say("linear, bias and gelu of 250x512x384; worst: {dtype}", dtype=worst_name))
