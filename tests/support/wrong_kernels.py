"""Deliberately wrong operations for every numeric check, and the right ones beside them.

Runs by itself wherever torch is: `python wrong_kernels.py [--device cuda:0]` prints one JSON object
with the status that each check gives. A wrong operation that passes is a defect of the check.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import itertools
import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PROBE_ARCHIVE = Path(__file__).parents[2] / "installer" / "torchup" / "verify" / "probe_archive.py"
NUMBERS = itertools.count()

Table = dict[str, tuple[str, Callable[[Any], Callable[..., Any]]]]
Run = Callable[[Any, Any], Any]  # the probe module, the bench -> the result of a check


def rounded(torch: Any, bits: int) -> Callable[[Any], Any]:
    """Round to nearest with this many significant bits, and keep the dtype."""

    def change(x: Any) -> Any:
        mantissa, exponent = torch.frexp(x.double())
        return torch.ldexp(torch.round(mantissa * 2**bits) / 2**bits, exponent).to(x.dtype)

    return change


def truncated(torch: Any, bits: int) -> Callable[[Any], Any]:
    """Cut off after this many significant bits."""

    def change(x: Any) -> Any:
        mantissa, exponent = torch.frexp(x.double())
        return torch.ldexp(torch.trunc(mantissa * 2**bits) / 2**bits, exponent).to(x.dtype)

    return change


def off_by_one(x: Any) -> Any:
    """Add one to the last element."""
    y = x.clone()
    y.view(-1)[-1] += 1
    return y


def one_nan(x: Any) -> Any:
    """Lose one element."""
    y = x.clone()
    y.view(-1)[-1] = math.nan
    return y


Pair = tuple[Any, Any]
Change = Callable[[Any, Pair, Callable[..., Any]], Any]  # torch, the matrices, the right product -> a wrong one


def product(change: Change) -> Callable[[Any, Any, str, str], Any]:
    """Make a check run whose matmul passes through `change`."""

    def run(probe: Any, bench: Any, check: str, dtype: str) -> Any:
        torch = bench.torch
        right = probe.usual_product(torch, dtype)
        return getattr(probe, check)(bench, dtype, lambda *pair: change(torch, pair, right))

    return run


def after(change: Callable[[Any], Callable[[Any], Any]]) -> Change:
    return lambda torch, pair, right: change(torch)(right(*pair))


def wide(x: Any, change: Callable[[Any], Any]) -> Any:
    """Change a matrix in float32 where its own dtype has few operations, as fp8."""
    return change(x.float()).to(x.dtype) if "float8" in str(x.dtype) else change(x)


def tail_dropped(x: Any) -> Any:
    """Leave out what does not fill a tile of eight rows."""
    y = x.clone()
    whole = y.shape[0] // 8 * 8
    y[whole:] = 0
    return y


def last_row_dropped(x: Any) -> Any:
    y = x.clone()
    y[-1] = 0
    return y


def stale() -> Change:
    """Answer with the first result of the same shape."""
    kept: dict[Any, Any] = {}
    return lambda _torch, pair, right: kept.setdefault((pair[0].shape, pair[1].shape), right(*pair))


def swapped_columns(x: Any) -> Any:
    y = x.clone()
    y[:, [0, 1]] = y[:, [1, 0]]
    return y


MATMULS: dict[str, Change] = {
    "right": lambda _torch, pair, right: right(*pair),
    "transposed": lambda _torch, pair, right: right(*pair).transpose(0, 1),
    "inner-order-wrong": lambda _torch, pair, right: right(wide(pair[0], lambda x: x.flip(1)), pair[1]),
    "inner-sum-cut-short": lambda _torch, pair, right: right(pair[0][:, :-16], pair[1][:-16]),
    "off-by-one": after(lambda _torch: off_by_one),
    "one-nan": after(lambda _torch: one_nan),
    "all-zero": after(lambda torch: torch.zeros_like),
    "shifted-row": after(lambda _torch: lambda x: x.roll(1, 0)),
    "last-row-dropped": after(lambda _torch: last_row_dropped),
    "columns-swapped": after(lambda _torch: swapped_columns),
}
# Significant bits of each dtype; a result with one less is too coarse. That of an fp8 product is bf16.
BITS = {"fp64": 53, "fp32": 24, "fp16": 11, "bf16": 8, "fp8": 8}


RIGHT_BY_DEFAULT = [
    "alloc",
    "copy",
    "exact-int",
    "elementwise",
    "reduce",
    "sort",
    "rng",
    "conv",
    "fft",
    "linalg",
    "sparse",
    "linear",
    "sdpa",
    "determinism",
    "train-linreg",
    "train-cnn",
    "amp",
]
Bits = Callable[[Any, int], Callable[[Any], Any]]  # rounded or truncated


def coarse_result(how: Bits, bits: int) -> Change:
    return lambda torch, pair, right: how(torch, bits)(right(*pair))


def coarse_inputs(how: Bits, bits: int) -> Change:
    return lambda torch, pair, right: right(*map(how(torch, bits), pair))


def truncating(bits: int) -> Change:
    """Compute exactly and cut off in place of rounding."""
    return lambda torch, pair, _right: truncated(torch, bits)(pair[0].double() @ pair[1].double()).to(pair[0].dtype)


def accumulated_in(dtype: str) -> Change:
    """Keep the running sum in the dtype of the result, as a kernel without a wider accumulator does."""

    def change(torch: Any, pair: Pair, _right: Any) -> Any:
        left, right = pair
        total = torch.zeros(left.shape[0], right.shape[1], dtype=getattr(torch, dtype), device=left.device)
        for inner in range(left.shape[1]):
            total += left[:, inner : inner + 1] * right[inner : inner + 1]
        return total

    return change


def computed_in(dtype: str) -> Change:
    return lambda torch, pair, right: right(*(x.to(getattr(torch, dtype)) for x in pair)).to(pair[0].dtype)


class StandInTorch:
    """A torch whose `cuda` is an NVIDIA GPU of this capability; everything is computed where it was before."""

    def __init__(self, torch: Any, capability: tuple[int, int]) -> None:
        self._torch = torch
        self.cuda = SimpleNamespace(
            get_device_capability=lambda _device: capability,
            get_device_name=lambda _index: "NVIDIA Stand-in",
            get_device_properties=lambda _index: SimpleNamespace(total_memory=1 << 44, multi_processor_count=108),
            mem_get_info=lambda _device: (1 << 30, 1 << 30),
            synchronize=lambda: None,
            empty_cache=lambda: None,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)


def as_gpu(bench: Any, capability: tuple[int, int] = (9, 0)) -> Any:
    """Let a bench on the CPU take the paths of an NVIDIA GPU; a real one stays as it is."""
    if bench.kind != "cpu":
        return bench
    return bench._replace(torch=StandInTorch(bench.torch, capability), kind="cuda")


def off_gpu(bench: Any) -> Any:
    """Go to the CPU, for what a GPU cannot be made to do."""
    return bench._replace(device="cpu", kind="cpu")


def cases_of_products() -> dict[str, Run]:
    cases: dict[str, Run] = {}

    def add(name: str, check: str, dtype: str, change: Change) -> None:
        # TF32 is chosen, and float64 compared, on GPUs only.
        gpu_only = dtype == "tf32" or (dtype == "fp64" and check == "check_matmul")
        on: Callable[[Any], Any] = as_gpu if gpu_only else lambda bench: bench
        cases[name] = lambda probe, bench: product(change)(probe, on(bench), check, dtype)

    for dtype, bits in BITS.items():
        for name, change in MATMULS.items():
            add(f"exact-{dtype}/{name}", "check_exact", dtype, change)
        add(f"exact-{dtype}/rounded", "check_exact", dtype, coarse_result(rounded, bits - 1))
        add(f"exact-{dtype}/truncated", "check_exact", dtype, coarse_result(truncated, bits - 1))
        add(f"exact-{dtype}/tail-dropped", "check_exact", dtype, after(lambda _torch: tail_dropped))
        add(f"exact-{dtype}/stale", "check_exact", dtype, lambda torch, pair, right: stale_of((torch, pair, right)))
    for dtype in ("fp32", "tf32", "fp16", "bf16", "fp8", "fp64"):
        for name, change in MATMULS.items():
            add(f"matmul-{dtype}/{name}", "check_matmul", dtype, change)
    for name, dtype, change in (
        ("tf32-inputs", "fp32", coarse_inputs(rounded, 11)),
        ("tf32-inputs-truncated", "fp32", coarse_inputs(truncated, 11)),
        ("rounded-to-fp16", "fp32", coarse_result(rounded, 11)),
        ("rounded-to-15-bits", "fp32", coarse_result(rounded, 15)),
        ("accumulated-in-fp16", "fp32", accumulated_in("float16")),
        ("bf16-inputs", "tf32", coarse_inputs(rounded, 8)),
        ("rounded-to-bf16", "tf32", coarse_result(rounded, 8)),
        ("rounded-to-bf16", "fp16", coarse_result(rounded, 8)),
        ("bf16-inputs", "fp16", coarse_inputs(rounded, 8)),
        ("accumulated-in-fp16", "fp16", accumulated_in("float16")),
        ("accumulated-in-bf16", "bf16", accumulated_in("bfloat16")),
        ("rounded-to-5-bits", "bf16", coarse_result(rounded, 5)),
        ("rounded-to-5-bits", "fp8", coarse_result(rounded, 5)),
        ("computed-in-fp32", "fp64", computed_in("float32")),
        # Truncation stays below the limit on the norm; that it leans to one side gives it away.
        ("truncated", "fp16", truncating(BITS["fp16"])),
        ("truncated", "bf16", truncating(BITS["bf16"])),
    ):
        add(f"matmul-{dtype}/{name}", "check_matmul", dtype, change)
    return cases


_KEPT: dict[str, Change] = {}


def stale_of(given: tuple[Any, ...]) -> Any:
    """Keep one cache for each dtype, so that a check meets only its own."""
    return _KEPT.setdefault(str(given[1][0].dtype), stale())(*given)


def cases_of_the_rest() -> dict[str, Run]:
    def functions(check: str, key: str, operation: Callable[[Any], Callable[..., Any]]) -> Run:
        return lambda probe, bench: getattr(probe, check)(bench, {key: operation(bench.torch)})

    def alone(check: str, operation: Callable[[Any], Any]) -> Run:
        return lambda probe, bench: getattr(probe, check)(bench, operation(bench.torch))

    elementwise: Table = {
        "exp-too-coarse": ("exp", lambda torch: lambda x: rounded(torch, 17)(torch.exp(x))),
        "exp-shifted": ("exp", lambda torch: lambda x: torch.exp(x + 1e-4)),
        "softmax-wrong-axis": ("softmax", lambda _torch: lambda x: x.softmax(0)),
        "sqrt-nan": ("sqrt", lambda torch: torch.sqrt),
        "mul-one-element": ("mul", lambda _torch: lambda x: off_by_one(x * x)),
    }
    reduce: Table = {
        "sum-off-by-one": ("sum", lambda torch: lambda x: torch.sum(x) + 1),
        "sum-in-fp16": ("sum of rows", lambda _torch: lambda x: x.half().sum(1).float() * 1.001),
        "rows-for-columns": ("sum of columns", lambda _torch: lambda x: x.sum(1)),
        "argmax-neighbour": ("argmax", lambda torch: lambda x: torch.argmax(x) + 1),
        "max-second": ("max", lambda torch: lambda x: x.flatten().kthvalue(x.numel() - 1).values),
        "cumsum-late": ("cumsum", lambda _torch: lambda x: x.flatten().cumsum(0).roll(1)),
    }
    sort: Table = {
        "not-sorted": ("sort", lambda _torch: lambda x: x),
        "descending": ("sort", lambda _torch: lambda x: x.sort(descending=True).values),
        "argsort-is-sort": ("argsort", lambda torch: lambda x: torch.sort(x).values),
        "topk-smallest": ("topk", lambda torch: lambda x: torch.topk(x, 100, largest=False).values),
        "gather-neighbour": ("gather", lambda _torch: lambda x: x.gather(0, x.roll(1))),
        "lost-updates": ("index_put", lambda torch: lambda x: torch.ones(1000, dtype=torch.int32)),
    }
    linalg: Table = {
        "cholesky-transposed": ("cholesky", lambda torch: lambda m: torch.linalg.cholesky(m).T),
        "solve-transposed": ("solve", lambda torch: lambda m, b: torch.linalg.solve(m, b.flip(0))),
        "solve-coarse": ("solve", lambda torch: lambda m, b: rounded(torch, 11)(torch.linalg.solve(m, b))),
        "eigh-values-reversed": ("eigh", lambda torch: lambda m: eigenvalues_reversed(torch, m)),
        "svd-scaled": ("svd", lambda torch: lambda m: svd_scaled(torch, m)),
        "qr-negative": ("qr", lambda torch: lambda m: qr_negative(torch, m)),
    }

    def usual(check: str) -> Run:
        return lambda probe, bench: getattr(probe, check)(bench)

    def without_bf16(check: str, right: Callable[[Any], Callable[..., Any]]) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            maxwell = as_gpu(off_gpu(bench), (5, 2))
            usually = maxwell.torch.ones
            brain = maxwell.torch.bfloat16
            maxwell.torch.ones = lambda *given, dtype=None, **more: (
                NotMultiplied() if dtype is brain else usually(*given, dtype=dtype, **more)
            )
            operation = right(maxwell.torch)
            return getattr(probe, check)(maxwell, lambda *inputs, **more: operation(*map(no_bf16, inputs), **more))

        return run

    cases = {f"{name}/right": usual(f"check_{name.replace('-', '_')}") for name in RIGHT_BY_DEFAULT}
    for name, table in (("elementwise", elementwise), ("reduce", reduce), ("sort", sort), ("linalg", linalg)):
        for case, (key, operation) in table.items():
            cases[f"{name}/{case}"] = functions(f"check_{name}", key, operation)
    cases |= {
        "alloc/stuck-bit": alone(
            "check_alloc", lambda _torch: lambda block, value: block.fill_(value).view(-1)[7:8].zero_()
        ),
        "copy/one-bit": alone("check_copy", lambda _torch: one_bit),
        "copy/stale": alone("check_copy", lambda torch: lambda x, device: torch.zeros_like(x, device=device)),
        "exact-int/wraps-at-32-bits": alone(
            "check_exact_int", lambda torch: lambda a, b: (a * b).sum(dtype=torch.int32)
        ),
        "exact-int/off-by-one": alone("check_exact_int", lambda torch: lambda a, b: (a * b).sum(dtype=torch.int64) + 1),
        "rng/constant": alone("check_rng", lambda torch: lambda seed, n: torch.full((n,), 0.5)),
        "rng/seed-ignored": alone("check_rng", lambda torch: lambda seed, n: torch.rand(n)),
        "rng/one-seed": alone("check_rng", lambda torch: lambda seed, n: drawn(torch, 1, n)),
        "rng/reaches-1": alone("check_rng", lambda torch: lambda seed, n: drawn(torch, seed, n) * 1.001),
        "rng/shifted": alone("check_rng", lambda torch: lambda seed, n: drawn(torch, seed, n) * 0.99),
        "rng/narrow": alone("check_rng", lambda torch: lambda seed, n: 0.5 + 0.9 * (drawn(torch, seed, n) - 0.5)),
        "rng/repeats": alone(
            "check_rng", lambda torch: lambda seed, n: drawn(torch, seed, n // 2).repeat_interleave(2)
        ),
        "conv/no-padding-at-edge": alone(
            "check_conv",
            lambda torch: lambda x, w: torch.nn.functional.pad(torch.nn.functional.conv2d(x, w), (1, 1, 1, 1)),
        ),
        "conv/right-by-winograd": alone(
            "check_conv",
            # What tiles of 6x6 are off by at their worst element, and twice as much.
            lambda torch: lambda x, w: one_off(torch, torch.nn.functional.conv2d(x, w, padding=1), 1.6e-5),
        ),
        "conv/flipped": alone(
            "check_conv", lambda torch: lambda x, w: torch.nn.functional.conv2d(x, w.flip(-1), padding=1)
        ),
        "conv/tf32": alone(
            "check_conv",
            lambda torch: (
                lambda x, w: torch.nn.functional.conv2d(
                    rounded_with_gradient(torch, x), rounded_with_gradient(torch, w), padding=1
                )
            ),
        ),
        "conv/gradient-lost": alone(
            "check_conv", lambda torch: lambda x, w: torch.nn.functional.conv2d(x, w.detach() + 0 * w, padding=1)
        ),
        "fft/backwards": alone("check_fft", lambda torch: lambda x: torch.fft.rfft(x).conj().resolve_conj()),
        "fft/coarse": alone("check_fft", lambda torch: lambda x: torch.fft.rfft(rounded(torch, 11)(x))),
        "sparse/row-lost": alone("check_sparse", lambda torch: lambda a, b: row_lost(torch.sparse.mm(a, b))),
        "sdpa/not-scaled": alone(
            "check_sdpa", lambda torch: lambda q, k, v, is_causal: attention(torch)(q * 8, k, v, is_causal=is_causal)
        ),
        "sdpa/mask-ignored": alone("check_sdpa", lambda torch: lambda q, k, v, is_causal: attention(torch)(q, k, v)),
        "sdpa/right-without-bf16": without_bf16("check_sdpa", attention),
        "sdpa/right-where-cudnn-has-no-plan": alone("check_sdpa", attention_without_plan),
        "sdpa/only-torchs-own-choice-wrong": alone("check_sdpa", attention_wrong_by_choice),
        "sdpa/bf16-in-fp32": alone(
            "check_sdpa",
            lambda torch: (
                lambda q, k, v, is_causal: attention(torch)(
                    q.bfloat16(), k.bfloat16(), v.bfloat16(), is_causal=is_causal
                ).to(q.dtype)
            ),
        ),
        "linear/right-without-bf16": without_bf16(
            "check_linear", lambda torch: lambda x, w, b: gelu(torch)(torch.nn.functional.linear(x, w, b))
        ),
        "linear/no-bias": alone("check_linear", lambda torch: lambda x, w, b: gelu(torch)(x @ w.T)),
        "linear/relu-in-place-of-gelu": alone(
            "check_linear", lambda torch: lambda x, w, b: torch.relu(torch.nn.functional.linear(x, w, b))
        ),
        "linear/gelu-by-tanh": alone(
            "check_linear",
            lambda torch: (
                lambda x, w, b: torch.nn.functional.gelu(torch.nn.functional.linear(x, w, b), approximate="tanh")
            ),
        ),
        "linear/tail-dropped": alone(
            "check_linear", lambda torch: lambda x, w, b: tail_dropped(gelu(torch)(torch.nn.functional.linear(x, w, b)))
        ),
        "linear/rounded-to-bf16": alone(
            "check_linear",
            lambda torch: lambda x, w, b: rounded(torch, 7)(gelu(torch)(torch.nn.functional.linear(x, w, b))),
        ),
        "fft/last-dropped": alone("check_fft", lambda torch: lambda x: last_dropped(torch.fft.rfft(x))),
        "fft/normalised-twice": alone("check_fft", lambda torch: lambda x: torch.fft.rfft(x, norm="ortho")),
        "sparse/transposed": alone("check_sparse", lambda torch: lambda a, b: torch.mm(a.to_dense().T, b)),
        "sparse/tf32": alone(
            "check_sparse", lambda torch: lambda a, b: torch.mm(rounded(torch, 11)(a.to_dense()), rounded(torch, 11)(b))
        ),
        "amp/infinite-step-taken": alone("check_amp", lambda _torch: FixedScaler(skips=False)),
        "amp/scale-not-lowered": alone("check_amp", lambda _torch: FixedScaler(skips=True)),
        "amp/no-steps": alone("check_amp", lambda _torch: FixedScaler(skips=True, steps=False)),
        "determinism/last-run-differs": alone("check_determinism", lambda torch: flaky(torch, at=9)),
        "determinism/one-bit": alone("check_determinism", flaky),
        "train-linreg/no-gradient-of-b": alone("check_train_linreg", lambda _torch: lambda x, w, b: x * w + b.detach()),
        "train-linreg/wrong-sign": alone("check_train_linreg", lambda _torch: lambda x, w, b: x * w - b),
        "train-linreg/nan": alone("check_train_linreg", lambda _torch: lambda x, w, b: x * w + b * math.nan),
        "train-cnn/no-steps": alone("check_train_cnn", lambda _torch: lambda loss, optimizer: None),
        "train-cnn/no-backward": alone("check_train_cnn", lambda _torch: lambda loss, optimizer: optimizer.step()),
        "train-cnn/uphill": alone(
            "check_train_cnn", lambda _torch: lambda loss, optimizer: ((-loss).backward(), optimizer.step())
        ),
    }
    return cases


def eigenvalues_reversed(torch: Any, m: Any) -> Any:
    values, vectors = torch.linalg.eigh(m)
    return values.flip(0), vectors


def svd_scaled(torch: Any, m: Any) -> Any:
    u, s, vh = torch.linalg.svd(m, full_matrices=False)
    return u, s * 1.001, vh


def qr_negative(torch: Any, m: Any) -> Any:
    q, r = torch.linalg.qr(m)
    return -q, r


def one_bit(x: Any, device: str) -> Any:
    y = x.to(device, copy=True)
    y[12345] ^= 1 << 17
    return y


def drawn(torch: Any, seed: int, count: int) -> Any:
    torch.manual_seed(seed)
    return torch.rand(count)


def rounded_with_gradient(torch: Any, x: Any) -> Any:
    return x + (rounded(torch, 11)(x.detach()) - x.detach())


def row_lost(x: Any) -> Any:
    y = x.clone()
    y[100] = 0
    return y


def attention(torch: Any) -> Any:
    return torch.nn.functional.scaled_dot_product_attention


def chosen_alone(torch: Any, name: str) -> bool:
    """Tell whether one attention backend was chosen, and not left to torch."""
    names = ("flash", "mem_efficient", "math", "cudnn")
    allowed = [one for one in names if getattr(torch.backends.cuda, f"{one}_sdp_enabled", bool)()]
    return allowed == [name]


def attention_without_plan(torch: Any) -> Callable[..., Any]:
    def attend(*inputs: Any, is_causal: bool) -> Any:
        if chosen_alone(torch, "cudnn"):
            raise RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No valid execution plans built.")
        return attention(torch)(*inputs, is_causal=is_causal)

    return attend


def attention_wrong_by_choice(torch: Any) -> Callable[..., Any]:
    def attend(*inputs: Any, is_causal: bool) -> Any:
        alone = any(chosen_alone(torch, name) for name in ("flash", "mem_efficient", "math", "cudnn"))
        return attention(torch)(*inputs, is_causal=is_causal) * (1 if alone else 1.1)

    return attend


class NotMultiplied:
    """A matrix in bfloat16 where cuBLAS neither has nor emulates it."""

    dtype = "bfloat16"

    def __getitem__(self, _index: Any) -> NotMultiplied:
        return self

    def __matmul__(self, _other: Any) -> Any:
        return no_bf16(self)


def no_bf16(x: Any) -> Any:
    """Refuse bfloat16 as cuBLAS does."""
    if "bfloat16" in str(x.dtype):
        raise RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx`")
    return x


def one_off(torch: Any, x: Any, share: float) -> Any:
    """Move one element by a share of the largest."""
    change = torch.zeros_like(x)
    change[(-1,) * x.dim()] = share * float(x.detach().abs().max())
    return x + change


def flaky(torch: Any, at: int = 7) -> Callable[[Any, Any], Any]:
    calls = iter(range(100))
    return lambda x, w: (x @ w).sum(0) + (1e-3 if next(calls) == at else 0.0)


def gelu(torch: Any) -> Any:
    return torch.nn.functional.gelu


def last_dropped(x: Any) -> Any:
    y = x.clone()
    y[..., -1] = 0
    return y


class FixedScaler:
    """A gradient scaler that never changes its scale; it may take steps that are infinite, or none at all."""

    def __init__(self, *, skips: bool, steps: bool = True) -> None:
        self.skips, self.steps = skips, steps

    def get_scale(self) -> float:
        return 1024.0

    def scale(self, loss: Any) -> Any:
        return loss * self.get_scale()

    def step(self, optimizer: Any) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for gradient in gradients:
            gradient.div_(self.get_scale())
        if self.steps and not (self.skips and not all(bool(gradient.isfinite().all()) for gradient in gradients)):
            optimizer.step()

    def update(self) -> None:
        pass


def cases_of_graphs_and_compilers() -> dict[str, Run]:
    def graph(capture: Callable[[Any, Any], Any]) -> Run:
        return lambda probe, bench: probe.check_graph(bench, capture)

    def compiled(compiler: Callable[[Any, Any], Any]) -> Run:
        return lambda probe, bench: probe.check_compile(bench, lambda model: compiler(bench.torch, model))

    def extension(add: Callable[[Any, Any], Any]) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            torch: Any = StandInTorch(bench.torch, (9, 0))
            torch.version = SimpleNamespace(cuda="13.0", hip=None)
            changed = {"nvcc_path": lambda: "nvcc", "first_version": lambda *_: "13.0"}
            with replaced(probe, changed):
                return probe.check_extension(bench._replace(torch=torch, kind="cuda"), lambda _folder: add)

        return run

    def first_result(work: Any, example: Any) -> Any:
        result = work(example)
        return lambda _x: result

    return {
        "graph/right": graph(lambda work, _example: work),
        "graph/stale": graph(first_result),
        "graph/relu-lost": graph(lambda work, _example: lambda x: work(x) - work(-x)),
        "compile/eager-in-disguise": compiled(lambda _torch, model: model),
        "compile/output-scaled": compiled(lambda _torch, model: lambda x: model(x) * 1.0001),
        "compile/wrong-gradient": compiled(lambda _torch, model: lambda x: half_gradient(model(x))),
        "compile/rounded": compiled(
            lambda torch, model: lambda x: rounded(torch, 11)(model(x).detach()) + 0 * model(x)
        ),
        "extension/right": extension(lambda left, right: left + right),
        "extension/last-dropped": extension(lambda left, right: last_dropped(left + right)),
        "extension/subtracts": extension(lambda left, right: left - right),
    }


def half_gradient(x: Any) -> Any:
    """Keep the value and halve the gradient."""
    return x / 2 + (x / 2).detach()


@contextlib.contextmanager
def replaced(owner: Any, changed: dict[str, Any]) -> Iterator[None]:
    """Replace attributes for a while."""
    before = {name: getattr(owner, name) for name in changed}
    for name, value in changed.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def cases_of_memory() -> dict[str, Run]:
    def memtest(fill: Callable[[Any, Any, Any, int], Any] | None) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            torch = bench.torch
            with replaced(probe, {"MEMTEST_BLOCK": 8 << 20}):
                return probe.check_memtest(bench, fill and (lambda *given: fill(torch, *given)), 2)

        return run

    def written(torch: Any, block: Any, value: int | None, seed: int) -> Any:
        torch.manual_seed(seed)
        return block.random_() if value is None else block.fill_(value)

    def stuck(torch: Any, block: Any, value: int | None, seed: int) -> None:
        written(torch, block, value, seed)[4321] |= 1 << 9

    def one_cell_for_two(torch: Any, block: Any, value: int | None, seed: int) -> None:
        written(torch, block, value, seed // 2)

    def late(torch: Any, block: Any, value: int | None, seed: int) -> None:
        if value is not None:
            written(torch, block, value, seed)

    def oom(allocate: Callable[[int], Any], change: Change | None = None) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            torch = bench.torch
            matmul = change and (lambda *pair: change(torch, pair, torch.matmul))
            return probe.check_oom(as_gpu(bench), allocate, matmul)

        return run

    def refused(size: int) -> None:
        raise RuntimeError(f"CUDA out of memory. Tried to allocate {size} bytes.")

    def refused_by_nvml(_size: int) -> None:
        raise RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":1165')

    return {
        "memtest/right": memtest(None),
        "memtest/stuck-bit": memtest(stuck),
        "memtest/one-cell-for-two": memtest(one_cell_for_two),
        "memtest/random-not-written": memtest(late),
        "oom/right": oom(refused),
        "oom/right-of-mig": oom(refused_by_nvml),
        "oom/granted": oom(lambda size: size),
        "oom/wrong-afterwards": oom(refused, MATMULS["off-by-one"]),
    }


def cases_of_speed() -> dict[str, Run]:
    """Measure with clocks that run wrong, on a card from the table; `seconds` is what one run seems to take."""
    work = {"check_membw": 2 * (8 << 20), "check_tflops": 2 * 256**3, "check_tflops_single": 2 * 256**3}

    def speed(check: str, rate: float) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            facts = probe.Facts("NVIDIA A100-SXM4-80GB", (8, 0), 108)
            return getattr(probe, check)(off_gpu(bench), lambda *_: work[check] / rate, facts)

        return run

    def pcie(rate: float, width: int = 16) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            link = probe.Link(4, width, 16)
            return probe.check_pcie(off_gpu(bench), lambda *_: (8 << 20) / rate, link)

        return run

    def ended_by_windows(probe: Any, bench: Any) -> Any:
        """Measure a small card on which the second size would take over two seconds."""
        took = iter((0.2,))

        def measure(*_given: Any) -> float:
            for seconds in took:
                return seconds
            raise RuntimeError("CUDA error: the launch timed out and was terminated")

        small = as_gpu(off_gpu(bench), (6, 1))._replace(level="standard")
        return probe.check_tflops(small, measure, probe.Facts("NVIDIA GeForce GT 1010", (6, 1), 2, 1.47))

    def throttle(reason: int) -> Run:
        return lambda probe, bench: probe.check_throttle(bench, [{"reasons": reason}] * 10)

    def health(now: dict[str, Any], before: dict[str, Any] | None = None) -> Run:
        notes = {"health": before} if before is not None else {}
        return lambda probe, bench: probe.check_health(bench._replace(notes=notes), lambda: {"xids": [], **now})

    return {
        "tflops/right": speed("check_tflops", 250e12),
        "tflops/right-before-windows-ends-it": ended_by_windows,
        "tflops/slow": speed("check_tflops", 150e12),
        "tflops/very-slow": speed("check_tflops", 50e12),
        "tflops/clock-stands-still": speed("check_tflops", 400e12),
        "tflops-fp32/right": speed("check_tflops_single", 18e12),
        "tflops-fp32/slow": speed("check_tflops_single", 6e12),
        "tflops-fp32/tf32-used": speed("check_tflops_single", 120e12),
        "membw/right": speed("check_membw", 1500e9),
        "membw/slow": speed("check_membw", 1000e9),
        "membw/clock-stands-still": speed("check_membw", 3000e9),
        "pcie/right": pcie(26e9),
        "pcie/slow": pcie(12e9),
        "pcie/very-slow": pcie(2e9),
        "pcie/narrow": pcie(6e9, width=4),
        "pcie/clock-stands-still": pcie(50e9),
        "throttle/right": throttle(0x4),
        "throttle/too-hot": throttle(0x40),
        "throttle/power-brake": throttle(0x80),
        "health/right": health({"compute mode": 0, "uncorrected since load": 0}),
        "health/row-pending": health({"rows pending": 1}),
        "health/past-errors": health({"uncorrected since load": 3}),
        "health-after/right": health({"uncorrected since load": 3}, {"uncorrected since load": 3, "xids": []}),
        "health-after/new-errors": health({"uncorrected since load": 4}, {"uncorrected since load": 3, "xids": []}),
        "health-after/new-xid": health({"xids": [31, 79]}, {"xids": [31]}),
    }


class ThreadGroup:
    """Stands in for torch.distributed between threads; each thread has one of these with its own rank."""

    def __init__(self, rank: int, shared: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.shared, self.barrier = rank, shared, barrier

    def everyone(self, mine: Any) -> list[Any]:
        """Give what each thread has brought."""
        self.shared[self.rank] = mine
        self.barrier.wait(60)
        found = list(self.shared)
        self.barrier.wait(60)
        return found

    def all_reduce(self, x: Any) -> None:
        x.copy_(sum(part.clone() for part in self.everyone(x.clone())))

    def all_gather(self, parts: list[Any], x: Any) -> None:
        for part, found in zip(parts, self.everyone(x)):  # noqa: B905 - Python 3.9 has no strict
            part.copy_(found)

    def reduce_scatter(self, out: Any, inputs: list[Any]) -> None:
        out.copy_(sum(one[self.rank] for one in self.everyone(inputs)))

    def broadcast(self, x: Any, src: int) -> None:
        x.copy_(self.everyone(x.clone())[src])


def in_threads(work: Callable[[ThreadGroup], Any], make: type[ThreadGroup] = ThreadGroup) -> list[Any]:
    """Run a piece of work in two threads that can exchange tensors."""
    shared, barrier = [None, None], threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda rank: work(make(rank, shared, barrier)), (0, 1)))


class OneRankLost(ThreadGroup):
    def all_reduce(self, x: Any) -> None:
        x.copy_(self.everyone(x.clone())[0])


class GatherSwapped(ThreadGroup):
    def all_gather(self, parts: list[Any], x: Any) -> None:
        super().all_gather(parts[::-1], x)


class ScatterShifted(ThreadGroup):
    def reduce_scatter(self, out: Any, inputs: list[Any]) -> None:
        super().reduce_scatter(out, [one.roll(1) for one in inputs])


class BroadcastFromTheFirst(ThreadGroup):
    def broadcast(self, x: Any, src: int) -> None:
        super().broadcast(x, src - 1)


class LastElementStale(ThreadGroup):
    def all_reduce(self, x: Any) -> None:
        last = x[-1].clone()
        super().all_reduce(x)
        x[-1] = last


def cases_of_groups() -> dict[str, Run]:
    def collectives(group: type[ThreadGroup]) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            torch = bench.torch
            found = in_threads(lambda dist: probe.exchange(torch, dist, dist.rank, 2, bench.device), group)
            ends = [probe.Ended("answered", {**one, "busbw": 1.0}) for one in found]
            return probe.check_collectives(bench, lambda *_given, **_more: ends)

        return run

    def ddp(after_backward: Callable[[Any, ThreadGroup, Any], None]) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            lock, usual = threading.Lock(), probe.small_cnn

            def one_at_a_time(given: Any) -> Any:
                with lock:  # the first weights come from the one generator that all threads share
                    return usual(given)

            def work(dist: ThreadGroup) -> Any:
                step = lambda model: after_backward(bench.torch, dist, model)  # noqa: E731 - handed on
                return probe.train_split(bench, dist, dist.rank, 2, lambda model: model, step)

            # The switches belong to the process: without this, the thread that ends first puts TF32 back for both.
            with replaced(probe, {"small_cnn": one_at_a_time}), probe.strict_math(bench.torch):
                found = in_threads(work)
            ends = [probe.Ended("answered", one) for one in found]
            return probe.check_ddp(bench, lambda *_given, **_more: ends)

        return run

    def averaged(share: float) -> Callable[[Any, ThreadGroup, Any], None]:
        def step(_torch: Any, dist: ThreadGroup, model: Any) -> None:
            for parameter in model.parameters():
                dist.all_reduce(parameter.grad)
                parameter.grad *= share

        return step

    def last_layer_lost(_torch: Any, dist: ThreadGroup, model: Any) -> None:
        for parameter in list(model.parameters())[:-1]:
            dist.all_reduce(parameter.grad)
            parameter.grad /= 2

    def no_gradient(_torch: Any, _dist: ThreadGroup, model: Any) -> None:
        for parameter in model.parameters():
            parameter.grad = None

    def soak(change: Change) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            torch = bench.torch
            found = probe.soak(bench, 0.0, lambda *pair: change(torch, pair, torch.matmul))
            on = bench._replace(devices=(bench.device,))
            return probe.check_soak(on, lambda *_given, **_more: [probe.Ended("answered", found)])

        return run

    def soak_that_waits_seldom(probe: Any, bench: Any) -> Any:
        moves, move = [], bench.torch.Tensor.to

        def counted(tensor: Any, *given: Any, **more: Any) -> Any:
            moves.append(given)
            return move(tensor, *given, **more)

        with replaced(bench.torch.Tensor, {"to": counted}):
            found = probe.soak(bench, 0.0)
        often = len(moves) >= found["runs"]
        return probe.Result("fail" if often else "pass", detail=f"{len(moves)} copies for {found['runs']} products")

    calls = iter(range(10**9))

    def seldom_wrong(_torch: Any, pair: Pair, right: Callable[..., Any]) -> Any:
        return right(*pair) + (1 if next(calls) % 20 == 19 else 0)  # the last of the first twenty

    def p2p(move: Callable[[Any, str], Any] | None) -> Run:
        def run(probe: Any, bench: Any) -> Any:
            wrong = probe.wrong_words(bench, bench.device, bench.device, move)
            on = bench._replace(devices=(f"{bench.device}", "other"))
            ends = [probe.Ended("answered", [[bench.device, "other", True, wrong]])]
            return probe.check_p2p(on, lambda *_given, **_more: ends)

        return run

    cases: dict[str, Run] = {}
    for name in ("gloo", "nccl"):
        cases |= {
            f"{name}/right": collectives(ThreadGroup),
            f"{name}/one-rank-lost": collectives(OneRankLost),
            f"{name}/gather-swapped": collectives(GatherSwapped),
            f"{name}/scatter-shifted": collectives(ScatterShifted),
            f"{name}/broadcast-from-the-first": collectives(BroadcastFromTheFirst),
            f"{name}/last-element-stale": collectives(LastElementStale),
        }
    return cases | {
        "ddp/right": ddp(averaged(0.5)),
        "ddp/not-averaged": ddp(averaged(1.0)),
        "ddp/not-exchanged": ddp(lambda *_: None),
        "ddp/last-layer-lost": ddp(last_layer_lost),
        "ddp/no-gradient": ddp(no_gradient),
        "soak/right": soak(MATMULS["right"]),
        "soak/right-without-waiting": soak_that_waits_seldom,
        "soak/off-by-one": soak(MATMULS["off-by-one"]),
        "soak/seldom-wrong": soak(seldom_wrong),
        "soak/rounded": soak(coarse_result(rounded, 23)),
        "p2p/right": p2p(None),
        "p2p/stale": p2p(lambda tensor, device: tensor.to(device) * 0),
        "p2p/one-bit": p2p(one_bit),
    }


CASES: dict[str, Run] = {
    **cases_of_products(),
    **cases_of_the_rest(),
    **cases_of_graphs_and_compilers(),
    **cases_of_memory(),
    **cases_of_speed(),
    **cases_of_groups(),
}
# Speed is never more than a warning until it is very low; a clock that is wrong proves nothing at all.
MUST_WARN = {
    "tflops/slow",
    "tflops-fp32/slow",
    "membw/slow",
    "pcie/slow",
    "pcie/narrow",
    "throttle/too-hot",
    "throttle/power-brake",
    "health/past-errors",
}
MUST_BE_DISCARDED = {
    "tflops/clock-stands-still",
    "tflops-fp32/tf32-used",
    "membw/clock-stands-still",
    "pcie/clock-stands-still",
}
MUST_PASS = {name for name in CASES if "/right" in name}


def load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def probe_file() -> Path:
    """Give the archive of the tensor test as it runs; the file is there as long as this process."""
    held = contextlib.ExitStack()
    atexit.register(held.close)
    path: Path = held.enter_context(load("probe_archive", PROBE_ARCHIVE).archive_file())
    return path


class Probe:
    """The modules of the tensor test as one: a name is that of the module that has it, and is set wherever it stands."""

    _modules: tuple[Any, ...]
    _originals: dict[str, Any]

    def __init__(self, modules: tuple[Any, ...]) -> None:
        object.__setattr__(self, "_modules", modules)
        object.__setattr__(self, "_originals", {})

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if name in vars(module):
                return vars(module)[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        holders = [module for module in self._modules if name in vars(module)]
        for module in holders:
            self._originals.setdefault(name, vars(module)[name])
            setattr(module, name, value)
        if not holders:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        """Put back what was there, as monkeypatch asks for: an attribute that is no instance's own counts as new."""
        setattr(self, name, self._originals[name])


def load_probe() -> Any:
    """Import the modules from the archive, anew each time, so that what one caller sets is not seen by another."""
    name = f"tensor_probe_{next(NUMBERS)}"
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(probe_file() / "tensor_probe")]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    __import__(f"{name}.command_line")  # import_module is what tests stand in for
    return Probe(tuple(module for key, module in sys.modules.items() if key.startswith(f"{name}.")))


def run_all(device: str, level: str, only: str = "") -> dict[str, list[Any]]:
    # As a worker does it: what cuBLAS reads is set before torch is imported, and the device is the current one.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch = importlib.import_module("torch")
    probe = load_probe()
    kind = device.partition(":")[0]
    bench = probe.Bench(torch, device, "hip" if kind == "cuda" and torch.version.hip else kind, level)
    bench.choose()
    answers = {}
    # Every case of one check multiplies the same numbers, and exact references take long.
    exactly, known = probe.exact_product, {}

    def exact_product(left: Any, right: Any) -> Any:
        key = (left.shape, right.shape, int(left.sum()), int(right.sum()), str(left.flatten()[:64].tolist()))
        if key not in known:
            known[key] = exactly(left, right)
        return known[key]

    probe.exact_product = exact_product
    for name, run in CASES.items():
        if only and not name.startswith(only):
            continue
        try:
            result = run(probe, bench)
        except probe.Skip as reason:
            result = probe.Result("skip", detail=str(reason))
        except Exception as error:  # noqa: BLE001 - a worker turns it into a failure too
            result, _ = probe.result_of(error, torch, {"kind": bench.kind, "device": device})
        answers[name] = [result.status, result.hint, result.detail]
    return answers


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--level", default="quick")
    parser.add_argument("--only", default="", help="run only the cases whose name begins like this")
    options = parser.parse_args()
    print(json.dumps(run_all(options.device, options.level, options.only)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
