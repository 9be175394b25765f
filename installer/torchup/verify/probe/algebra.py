"""Fourier transforms, linear algebra and sparse products."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Mapping

from .bench import Bench, strict_math
from .result import Result
from .rounding import Limit, error_of, judge
from .sentences import mark, say


def check_fft(bench: Bench, transform: Callable[[Any], Any] | None = None) -> Result:
    """Transform 64 signals of 4096 points there and back."""
    torch = bench.torch
    transform = transform or torch.fft.rfft
    signals = bench.normal(64, 4096, seed=80)
    spectrum = transform(bench.put(signals))
    got = torch.view_as_real(bench.back(spectrum))
    want = torch.view_as_real(torch.fft.rfft(signals.double()))
    result = judge(error_of(got, want), Limit(1e-5, 1e-5), say("rfft of 64x4096 against float64"))
    if result.status != "pass":
        return result
    again = bench.back(torch.fft.irfft(spectrum, n=4096))
    back = judge(error_of(again, signals.double()), Limit(1e-5, 1e-5), say("irfft back to the signal"))
    return back if back.status != "pass" else result._replace(detail=say("rfft and irfft of 64x4096"))


def check_linalg(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Factor a 256x256 matrix five ways and judge what is left over."""
    torch = bench.torch
    linalg = torch.linalg
    do: dict[str, Callable[..., Any]] = {
        "cholesky": linalg.cholesky,
        "solve": linalg.solve,
        "eigh": linalg.eigh,
        "svd": lambda m: linalg.svd(m, full_matrices=False),
        "qr": linalg.qr,
        **(operations or {}),
    }
    a = bench.normal(256, 256, seed=81)
    spd = a @ a.T / 256 + torch.eye(256)
    b = bench.normal(256, 8, seed=82)
    on_a, on_spd, on_b = bench.put(a), bench.put(spd), bench.put(b)

    def host(tensors: Any) -> list[Any]:
        return [bench.back(tensor).double() for tensor in tensors]

    def left_over(gap: Any, scale: Any) -> float:
        return float(gap.norm() / scale.norm())

    with strict_math(torch):
        (lower,) = host([do["cholesky"](on_spd)])
        (x,) = host([do["solve"](on_spd, on_b)])
        values, vectors = host(do["eigh"](on_spd))
        u, s, vh = host(do["svd"](on_a))
        q, r = host(do["qr"](on_a))
    spd64, a64, eye = spd.double(), a.double(), torch.eye(256, dtype=torch.float64)
    found = {
        "cholesky": (left_over(lower @ lower.T - spd64, spd64), 1e-5),
        mark("lower triangle"): (left_over(lower.triu(1), spd64), 1e-5),
        "solve": (left_over(spd64 @ x - b.double(), b), 1e-5),
        "eigh": (left_over(vectors @ torch.diag(values) @ vectors.T - spd64, spd64), 1e-4),
        mark("eigenvectors"): (left_over(vectors.T @ vectors - eye, eye), 1e-4),
        "svd": (left_over(u @ torch.diag(s) @ vh - a64, a64), 1e-4),
        mark("singular vectors"): (left_over(u.T @ u - eye, eye), 1e-4),
        "qr": (left_over(q @ r - a64, a64), 1e-4),
        mark("orthogonal q"): (left_over(q.T @ q - eye, eye), 1e-4),
    }
    for name, (error, limit) in found.items():
        if not error <= limit:
            text = say("{what}: {error:.1e} is left over, above {limit:.0e}", what=say(name), error=error, limit=limit)
            return Result("fail", error, "relative", limit, text, "wrong-results")
    name, (error, limit) = max(found.items(), key=lambda item: item[1][0] / item[1][1])
    text = say("cholesky, solve, eigh, svd, qr of 256x256; worst: {what}", what=say(name))
    return Result("pass", error, "relative", limit, text)


def check_sparse(bench: Bench, product: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply a sparse CSR matrix with a dense one."""
    torch = bench.torch
    product = product or torch.sparse.mm
    dense = bench.normal(512, 512, seed=83)
    dense[bench.normal(512, 512, seed=84).abs() < 1.5] = 0.0  # noqa: PLR2004 - keeps about 13 %
    right = bench.normal(512, 64, seed=85)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its CSR support beta on first use
        got = bench.back(product(bench.put(dense).to_sparse_csr(), bench.put(right)))
    return judge(error_of(got, dense.double() @ right.double()), Limit(1e-5, 1e-5), say("512x512 CSR times dense"))
