"""The same result every time where torch was told so."""

from __future__ import annotations

from typing import Any, Callable

from .bench import Bench
from .result import Result
from .sentences import say


def check_determinism(bench: Bench, product: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply and convolve ten times in deterministic mode, forward and backward; every bit must be the same."""
    torch = bench.torch
    functional = torch.nn.functional

    def usual(x: Any, w: Any) -> Any:
        images = x[:64].reshape(16, 16, 16, 16).clone().requires_grad_()
        kernel = w[:9].reshape(64, 16, 3, 3).clone().requires_grad_()
        functional.conv2d(images, kernel, padding=1).square().sum().backward()
        parts = (functional.gelu(x @ w).sum(0), images.grad.flatten(), kernel.grad.flatten())
        return torch.cat(parts)

    product = product or usual
    x, w = bench.put(bench.normal(1024, 1024, seed=95)), bench.put(bench.normal(1024, 1024, seed=96))
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        runs = [bench.back(product(x, w)) for _ in range(10)]
    finally:
        torch.use_deterministic_algorithms(before)
    different = sum(not torch.equal(runs[0], run) for run in runs[1:])
    if different:
        text = say("{count} of 9 repetitions differ in deterministic mode", count=different)
        return Result("fail", different, "different runs", 0, text, "wrong-results")
    return Result("pass", 0, "different runs", 0, say("ten runs of a product and a convolution, equal bit for bit"))
