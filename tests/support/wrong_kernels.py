"""Deliberately wrong operations for every numeric check, and the right ones beside them.

Runs by itself wherever torch is: `python wrong_kernels.py [--device cuda:0]` prints one JSON object
with the status that each check gives. A wrong operation that passes is a defect of the check.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROBE = Path(__file__).parents[2] / "installer" / "torchup" / "verify" / "tensor_probe.py"

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


def product(change: Callable[[Any, Any], Any]) -> Callable[[Any, Any, str, str], Any]:
    """Make a check run whose matmul passes through `change`."""

    def run(probe: Any, bench: Any, check: str, dtype: str) -> Any:
        torch = bench.torch

        def matmul(left: Any, right: Any) -> Any:
            return change(torch, (left, right))

        return getattr(probe, check)(bench, dtype, matmul)

    return run


def after(change: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Any, Any], Any]:
    return lambda torch, pair: change(torch)(torch.matmul(*pair))


MATMULS: dict[str, Callable[[Any, Any], Any]] = {
    "right": lambda torch, pair: torch.matmul(*pair),
    "transposed": lambda torch, pair: torch.matmul(pair[0], pair[1]).transpose(0, 1),
    "inner-order-wrong": lambda torch, pair: torch.matmul(pair[0].flip(1), pair[1]),
    "inner-sum-cut-short": lambda torch, pair: torch.matmul(pair[0][:, :-1], pair[1][:-1]),
    "off-by-one": after(lambda _torch: off_by_one),
    "one-nan": after(lambda _torch: one_nan),
    "all-zero": after(lambda torch: torch.zeros_like),
    "shifted-row": after(lambda _torch: lambda x: x.roll(1, 0)),
}
# Significant bits of a result that is one step too coarse for its dtype.
BITS = {"fp64": 53, "fp32": 24, "fp16": 11, "bf16": 8}


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
    "sdpa",
    "determinism",
    "train-linreg",
    "train-cnn",
]
Bits = Callable[[Any, int], Callable[[Any], Any]]  # rounded or truncated


def coarse_result(how: Bits, bits: int) -> Callable[[Any, Any], Any]:
    return lambda torch, pair: how(torch, bits)(torch.matmul(*pair))


def coarse_inputs(how: Bits, bits: int) -> Callable[[Any, Any], Any]:
    return lambda torch, pair: torch.matmul(*map(how(torch, bits), pair))


def truncating(bits: int) -> Callable[[Any, Any], Any]:
    """Compute exactly and cut off in place of rounding."""
    return lambda torch, pair: truncated(torch, bits)(pair[0].double() @ pair[1].double()).to(pair[0].dtype)


def cases_of_products() -> dict[str, Run]:
    cases: dict[str, Run] = {}

    def add(name: str, check: str, dtype: str, change: Callable[[Any, Any], Any]) -> None:
        cases[name] = lambda probe, bench: product(change)(probe, bench, check, dtype)

    for dtype, bits in BITS.items():
        for name, change in MATMULS.items():
            add(f"exact-{dtype}/{name}", "check_exact", dtype, change)
        add(f"exact-{dtype}/rounded", "check_exact", dtype, coarse_result(rounded, bits - 1))
        add(f"exact-{dtype}/truncated", "check_exact", dtype, coarse_result(truncated, bits - 1))
    for dtype in ("fp32", "fp16", "bf16"):
        for name, change in MATMULS.items():
            add(f"matmul-{dtype}/{name}", "check_matmul", dtype, change)
    for name, dtype, change in (
        ("tf32-inputs", "fp32", coarse_inputs(rounded, 11)),
        ("tf32-inputs-truncated", "fp32", coarse_inputs(truncated, 11)),
        ("rounded-to-fp16", "fp32", coarse_result(rounded, 11)),
        ("rounded-to-15-bits", "fp32", coarse_result(rounded, 15)),
        ("rounded-to-bf16", "fp16", coarse_result(rounded, 8)),
        ("bf16-inputs", "fp16", coarse_inputs(rounded, 8)),
        ("rounded-to-5-bits", "bf16", coarse_result(rounded, 5)),
        # Truncation stays below the limit on the norm; that it leans to one side gives it away.
        ("truncated", "fp16", truncating(BITS["fp16"])),
        ("truncated", "bf16", truncating(BITS["bf16"])),
    ):
        add(f"matmul-{dtype}/{name}", "check_matmul", dtype, change)
    return cases


def cases_of_the_rest() -> dict[str, Run]:
    def functions(check: str, key: str, operation: Callable[[Any], Callable[..., Any]]) -> Run:
        return lambda probe, bench: getattr(probe, check)(bench, {key: operation(bench.torch)})

    def alone(check: str, operation: Callable[[Any], Callable[..., Any]]) -> Run:
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
        "sdpa/bf16-in-fp32": alone(
            "check_sdpa",
            lambda torch: (
                lambda q, k, v, is_causal: attention(torch)(
                    q.bfloat16(), k.bfloat16(), v.bfloat16(), is_causal=is_causal
                ).to(q.dtype)
            ),
        ),
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


def flaky(torch: Any) -> Callable[[Any, Any], Any]:
    calls = iter(range(100))
    return lambda x, w: (x @ w).sum(0) + (1e-3 if next(calls) == 7 else 0.0)


CASES: dict[str, Run] = {**cases_of_products(), **cases_of_the_rest()}
MUST_PASS = {name for name in CASES if name.endswith("/right")}


def load_probe() -> Any:
    spec = importlib.util.spec_from_file_location("tensor_probe", PROBE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_all(device: str, level: str) -> dict[str, list[Any]]:
    torch = importlib.import_module("torch")
    probe = load_probe()
    kind = device.partition(":")[0]
    bench = probe.Bench(torch, device, "hip" if kind == "cuda" and torch.version.hip else kind, level)
    answers = {}
    for name, run in CASES.items():
        try:
            result = run(probe, bench)
        except Exception as error:  # noqa: BLE001 - a worker turns it into a failure too
            result, _ = probe.result_of(error, torch, {"kind": bench.kind, "device": device})
        answers[name] = [result.status, result.hint, result.detail]
    return answers


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--level", default="quick")
    options = parser.parse_args()
    print(json.dumps(run_all(options.device, options.level)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
