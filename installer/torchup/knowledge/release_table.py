"""torch releases as the shipped table has them."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from torchup.knowledge.order import release_numbers
from torchup.knowledge.platforms import Platform
from torchup.knowledge.tables import table
from torchup.model.quick import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformBuild:
    """The compute capabilities (times ten) in one wheel: `sm` native code, `ptx` for newer devices.

    An empty `sm` says that the wheel exists and was not read. `evidence` holds the codes of the table.
    """

    sm: tuple[int, ...]
    ptx: tuple[int, ...]
    evidence: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaBuild:
    """One CUDA variant of a release; `only_patches` limits platforms (or "all") to some patch releases."""

    name: str
    cuda: str | None
    cudnn: str | None
    nccl: str | None
    only_patches: dict[str, tuple[str, ...]]
    platforms: dict[Platform, PlatformBuild]

    def has_patch(self, version: str, platform: Platform) -> bool:
        """Say whether a patch release has this variant on a platform."""
        if platform not in self.platforms:
            return False
        limit = self.only_patches.get(platform) or self.only_patches.get("all")
        return limit is None or version in limit


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchRelease:
    """One minor release of torch and its patch releases.

    `default_index` names the variant of the package index's unlabelled wheel per platform. `companions`
    maps a package to the version that goes with each patch release, None where there is none.
    `rocm` and `xpu` are None where nobody has seen whether they exist.
    """

    minor: str
    numbers: tuple[int, int]
    patches: tuple[str, ...]
    requires_python: str
    default_index: dict[Platform, str]
    companions: dict[str, dict[str, str | None]]
    variants: dict[str, CudaBuild]
    rocm: tuple[str, ...] | None
    xpu: bool | None
    notes: tuple[str, ...]
    source: tuple[str, ...]


@cache
def releases() -> tuple[TorchRelease, ...]:
    """Give every known minor release, oldest first, newest last."""
    return tuple(map(_release, table("torch_releases")["releases"]))


def _release(row: dict[str, Any]) -> TorchRelease:
    major, minor = release_numbers(row["minor"])
    return TorchRelease(
        minor=row["minor"],
        numbers=(major, minor),
        patches=tuple(row["patches"]),
        requires_python=row["requires_python"],
        default_index=row["default_index"],
        companions=row["companions"],
        variants={name: _cuda_build(name, build) for name, build in row["variants"].items()},
        rocm=None if row["rocm"] is None else tuple(row["rocm"]),
        xpu=row["xpu"],
        notes=tuple(row.get("notes", ())),
        source=tuple(row["source"]),
    )


def _cuda_build(name: str, row: dict[str, Any]) -> CudaBuild:
    return CudaBuild(
        name=name,
        cuda=row.get("cuda_toolkit") or row.get("cuda_runtime_pkg"),
        cudnn=row["cudnn"],
        nccl=row["nccl"],
        only_patches={key: tuple(patches) for key, patches in row.get("only_patches", {}).items()},
        platforms={cast("Platform", key): _platform_build(build) for key, build in row["platforms"].items()},
    )


def _platform_build(row: dict[str, Any]) -> PlatformBuild:
    return PlatformBuild(
        sm=tuple(row["sm"]),
        ptx=tuple(row["ptx"]),
        evidence=tuple(row["evidence"]),
        note=row.get("note"),
    )
