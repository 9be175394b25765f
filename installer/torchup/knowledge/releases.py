"""What is known about a torch version, and what is assumed about one that is newer than the tables."""

from __future__ import annotations

from functools import cache

from torchup.knowledge.arch_lists import ArchList, arch_list
from torchup.knowledge.order import by_nearness, release_numbers
from torchup.knowledge.platforms import Platform
from torchup.knowledge.release_table import TorchRelease, releases
from torchup.knowledge.tables import table
from torchup.knowledge.wheel_tags import tags_of
from torchup.model.quick import dataclass

__all__ = [
    "ArchList",
    "BundledLibraries",
    "CompanionFact",
    "TorchRelease",
    "arch_list",
    "companion",
    "compiles_on",
    "default_index_variant",
    "is_known",
    "known_versions",
    "release_of",
    "releases",
    "requires_python",
    "variant_details",
    "variants_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledLibraries:
    """The libraries that a CUDA wheel brings along, None where unknown.

    `cuda` is the toolkit release, or that of the runtime package where only this is known.
    """

    cuda: str | None = None
    cudnn: str | None = None
    nccl: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionFact:
    """The version of a package that goes with a torch version.

    `version` is None where there is none, and may end in `.x` where the patch release is not known.
    `ended` says that the package has no release for this torch or any later one; `last` is its last
    release. `inferred_from` names the torch release the answer was taken from when this one is unknown.
    """

    version: str | None
    ended: bool = False
    last: str | None = None
    inferred_from: str | None = None


@cache
def known_versions() -> tuple[str, ...]:
    """Give every known torch version, oldest first."""
    return tuple(patch for release in releases() for patch in release.patches)


def is_known(version: str) -> bool:
    """Say whether the tables have exactly this release; a local label such as `+cu126` does not matter."""
    return version.partition("+")[0] in known_versions()


@cache
def release_of(version: str) -> TorchRelease | None:
    """Find the minor release that a version belongs to; None where the tables end before it."""
    numbers = release_numbers(version)
    return next((release for release in releases() if release.numbers == numbers[:2]), None)


def variants_of(version: str, platform: Platform) -> tuple[str, ...]:
    """List the variants that PyTorch's index has for a known release on a platform: cpu, CUDA, ROCm, XPU."""
    release = release_of(version)
    if release is None or version not in release.patches:
        return ()
    names = ["cpu"] if tags_of(version, platform) else []
    names += [name for name, build in release.variants.items() if build.has_patch(version, platform)]
    if platform in table("rocm")["platforms"]:
        names += release.rocm or ()
    if release.xpu and platform in table("xpu")["index"]["platforms"]:
        names.append("xpu")
    return tuple(names)


def variant_details(version: str, variant: str) -> BundledLibraries:
    """Give the libraries inside a build; all None for a build that the tables do not have."""
    release = release_of(version)
    build = release.variants.get(variant) if release else None
    if build is None:
        return BundledLibraries()
    return BundledLibraries(cuda=build.cuda, cudnn=build.cudnn, nccl=build.nccl)


@cache
def default_index_variant(version: str, platform: Platform) -> tuple[str, bool]:
    """Name the variant of the package index's wheel, which carries no label, and whether that is inferred.

    For a release or a platform that the tables do not have, it is that of the nearest release.
    """
    release = release_of(version)
    if release and platform in release.default_index:
        return release.default_index[platform], False
    with_platform = {known.numbers: known for known in releases() if platform in known.default_index}
    if not with_platform:
        return "cpu", True
    nearest = by_nearness(release_numbers(version), with_platform)[0]
    return with_platform[nearest].default_index[platform], True


@cache
def companion(package: str, torch_version: str) -> CompanionFact:
    """Say which torchvision, torchaudio or triton goes with a torch version.

    For a torch newer than the tables, a package that ended stays ended; else the newest version stands in.
    Raises KeyError for any other package.
    """
    rule = table("torch_releases")["companion_rules"][package]
    release, inferred_from = _nearest_release(torch_version)
    versions = release.companions[package]
    version = versions.get(torch_version, versions[release.patches[-1]])
    return CompanionFact(
        version=version,
        ended=rule["ended"] and version is None,
        last=rule["last"],
        inferred_from=inferred_from,
    )


@cache
def compiles_on(version: str, python: tuple[int, int]) -> bool:
    """Say whether torch.compile works with a release on a CPython; what no table limits counts as working.

    Source: the Pythons that torch's own requirement on triton leaves out, and the 2.14 release text.
    """
    numbers = release_numbers(version)[:2]
    for row in table("torch_releases")["compile_pythons"]:
        if release_numbers(row["from"]) <= numbers <= release_numbers(row["until"]):
            return python < release_numbers(row["below"])
    return True


def requires_python(version: str) -> str:
    """Give the `Requires-Python` of a release; for one not in the tables that of the nearest."""
    return _nearest_release(version)[0].requires_python


def _nearest_release(version: str) -> tuple[TorchRelease, str | None]:
    by_numbers = {release.numbers: release for release in releases()}
    release = by_numbers[by_nearness(release_numbers(version)[:2], by_numbers)[0]]
    return release, None if is_known(version) else release.minor
