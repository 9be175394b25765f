"""Convolution and batch norm, and the cuDNN that computes them."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any, Callable

from .bench import Bench, strict_math
from .result import Result
from .rounding import Limit, error_of, judge
from .sentences import listed, mark, say

# Winograd with tiles of 6x6, emulated in float32, is off by 2e-6 norm-wise and by 8e-6 at the worst element; TF32 gives
# 3e-4.
CONV_LIMIT, GRADIENT_LIMIT = Limit(1e-5, 3e-5), Limit(1e-4, 1e-4)


def check_conv(bench: Bench, conv: Callable[[Any, Any], Any] | None = None) -> Result:
    """Convolve and normalise a batch of images, forward and backward, and compare with float64."""
    torch = bench.torch
    functional = torch.nn.functional
    reference: Callable[[Any, Any], Any] = lambda x, w: functional.conv2d(x, w, padding=1)  # noqa: E731 - one line, used as the default
    images, weights = bench.normal(8, 16, 32, 32, seed=70), bench.normal(32, 16, 3, 3, seed=71)

    def run(convolve: Callable[[Any, Any], Any], x: Any, w: Any) -> tuple[Any, Any, Any]:
        x, w = x.requires_grad_(), w.requires_grad_()
        y = functional.batch_norm(convolve(x, w), None, None, training=True)
        # A weighted sum: the plain sum of a normalised batch is always zero.
        (y * y.detach().cos()).sum().backward()
        return y.detach(), x.grad, w.grad

    wants = run(reference, images.double(), weights.double())
    worst: Result | None = None
    for layout in ("contiguous_format", "channels_last"):
        memory = {"memory_format": getattr(torch, layout)}
        x = bench.put(images.clone()).contiguous(**memory)
        w = bench.put(weights.clone()).contiguous(**memory)
        with strict_math(torch):
            gots = run(conv or reference, x, w)
        for what, got, want, limit in (
            (mark("output"), gots[0], wants[0], CONV_LIMIT),
            (mark("gradient of the images"), gots[1], wants[1], GRADIENT_LIMIT),
            (mark("gradient of the weights"), gots[2], wants[2], GRADIENT_LIMIT),
        ):
            result = judge(error_of(bench.back(got), want), limit, listed([say(what), layout]))
            if result.status != "pass":
                return result
            if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
                worst = result
    assert worst is not None  # noqa: S101 - the loops above ran
    worst = worst._replace(detail=say("convolution and batch norm, forward and backward, two layouts"))
    if bench.kind != "cuda":
        return worst
    loaded, shipped = cudnn_text(torch.backends.cudnn.version()), shipped_cudnn(str(torch.version.cuda))
    worst = worst._replace(detail=say("cuDNN {version}: {what}", version=loaded, what=worst.detail))
    if shipped and not f"{shipped}.".startswith(f"{loaded}."):
        text = say("{what}; but cuDNN {version} is installed", what=worst.detail, version=shipped)
        return worst._replace(status="warn", detail=text, hint="cudnn-shadowed")
    return worst


def cudnn_text(number: int | None) -> str:
    """Write cuDNN's version: 8902 is 8.9.2, and since 9 with more digits 91002 is 9.10.2."""
    if not number:
        return say("none")
    major = 10000 if number >= 90000 else 1000  # noqa: PLR2004 - cudnn_version.h
    return f"{number // major}.{number % major // 100}.{number % 100}"


def shipped_cudnn(cuda: str) -> str | None:
    """Give the version of the cuDNN wheel for this CUDA; None where torch's came another way."""
    metadata = importlib.import_module("importlib.metadata")
    # The wheel for another CUDA belongs to another package, such as jax.
    with contextlib.suppress(metadata.PackageNotFoundError):
        return str(metadata.version(f"nvidia-cudnn-cu{cuda.partition('.')[0]}"))
    return None
