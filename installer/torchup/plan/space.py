"""Is there room? An estimate from the sizes of the picked wheels, stated as one."""

from __future__ import annotations

from torchup.errors import RefusedError
from torchup.model.facts import MachineFacts
from torchup.model.resolution import TorchPick
from torchup.plan.target import TargetState
from torchup.words import tr

MIB = 1024 * 1024
UNPACKED = 3
"""A CUDA wheel of torch unpacks to less than three times its size; uv keeps that in its cache and links it from there."""
UNPACKED_CPU = 3.7
"""Measured: 183 MiB of torch 2.13.0+cpu unpack to 665 MiB. Without the kernels of GPUs it packs better."""
DEPENDENCIES_MIB = 90
"""Measured: sympy, networkx, setuptools and the other dependencies, with what uv notes in its cache."""
CUDA_LIBRARIES_MIB = 5 * 1024
"""What the nvidia-* dependencies of a Linux CUDA build unpack to: cuBLAS, cuDNN, NCCL and the rest."""

CUDA_TORCH_MIB = 900
"""About what torch's own wheel for CUDA weighs, where the source tells no size, as PyTorch's index does not."""


def download_bytes(pick: TorchPick) -> int | None:
    """Add up the sizes of the picked wheels; None when a source does not tell one."""
    sizes = [offer.size for offer in pick.wheels]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def needed_mib(pick: TorchPick, facts: MachineFacts) -> int | None:
    """Estimate the disk space in MiB that an installation takes; None without sizes."""
    size = download_bytes(pick)
    if size is None:
        return None
    libraries = CUDA_LIBRARIES_MIB if pick.variant.startswith("cu") and facts.os.system == "linux" else 0
    unpacked = UNPACKED_CPU if pick.variant == "cpu" else UNPACKED
    return round(size * unpacked / MIB) + DEPENDENCIES_MIB + libraries


def estimated_mib(pick: TorchPick, facts: MachineFacts) -> int | None:
    """Estimate the disk space for a person who reviews a plan, also where no source tells the sizes; None unknown."""
    needed = needed_mib(pick, facts)
    if needed is None and pick.variant.startswith("cu") and facts.os.system == "linux":
        return CUDA_TORCH_MIB * UNPACKED + CUDA_LIBRARIES_MIB
    return needed


def check_space(pick: TorchPick, facts: MachineFacts, target: TargetState) -> None:
    """Refuse to start what would fill the disk; raises RefusedError with code not-enough-space."""
    free = target.free_mib if target.free_mib is not None else facts.space.home_mib
    needed = needed_mib(pick, facts)
    if free is None or needed is None or needed <= free:
        return
    raise RefusedError(
        tr(
            "{path} has {free} MiB free, and this set-up takes about {needed} MiB.",
            path=target.path,
            free=free,
            needed=needed,
        ),
        code="not-enough-space",
        evidence=tuple(
            tr("{file}: {size} MiB to download", file=offer.filename, size=(offer.size or 0) // MIB)
            for offer in pick.wheels
        ),
        hint=tr(
            "Make room, or set environment.path to a place on a larger disk. `uv cache clean` frees old downloads."
        ),
    )
