"""What is asked of the package sources beside PyTorch: the wheels of a CUDA toolkit; pure."""

from __future__ import annotations

from dataclasses import replace

from torchup.model.request import SourceWish, ToolkitWish
from torchup.resolve.toolkit_wheels import wheel_packages


def toolkit_packages(wish: ToolkitWish) -> tuple[str, ...]:
    """Name the packages whose pages have to be read for this wish; none unless wheels are to bring the toolkit."""
    return wheel_packages(cudnn=wish.cudnn) if wish.source == "wheel" else ()


def beside_pytorch(wish: SourceWish) -> tuple[SourceWish, ...]:
    """Say where packages come from that PyTorch's own index does not have, in the order of an installation.

    These are the configured sources and wheel folders, and before them an index that was named by its address.
    """
    configured = replace(wish, index="default", mirror=None)
    if wish.index in ("auto", "pytorch", "default"):
        return (configured,)
    return (replace(wish, mirror=None), configured)
