"""The compute capabilities compiled into each wheel, and the nearest known list for a wheel nobody has read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from torchup.knowledge.order import by_nearness, release_numbers
from torchup.knowledge.platforms import Platform
from torchup.knowledge.release_table import PlatformBuild, TorchRelease, releases
from torchup.knowledge.variants import parse_variant
from torchup.model.quick import dataclass

_UNCERTAIN = "U"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchList:
    """The compute capabilities (times ten) in a wheel: `sm` native code, `ptx` for newer devices.

    `inferred_from` names the build that the list was really taken from (`2.13+cu129`), None when it is the
    wheel's own. `uncertain` is set for an inferred list and for one whose evidence is marked so. With `other_major`
    it is from another CUDA major, which may have dropped or gained devices.
    """

    sm: tuple[int, ...]
    ptx: tuple[int, ...]
    evidence: tuple[str, ...]
    inferred_from: str | None
    uncertain: bool
    other_major: bool = False


@cache
def arch_list(version: str, variant: str, platform: Platform) -> ArchList | None:
    """Give the list of a CUDA wheel, taking it from the nearest build where this one is not known.

    First the same variant in the nearest release, then the nearest CUDA of the same major, then that of another,
    always of the same platform. None where none exists, and for variants that are not CUDA. Raises ValueError for a
    version or a variant that cannot be read.
    """
    wanted = parse_variant(variant)
    if wanted.cuda is None:
        return None
    numbers = release_numbers(version)[:2]
    for name in _variants_by_nearness(wanted.cuda):
        known = {release.numbers: build for release, build in _read_builds(name, platform)}
        if known:
            nearest = by_nearness(numbers, known)[0]
            own = name == variant and nearest == numbers and _has_patch(version)
            found = _with_origin(known[nearest], None if own else f"{nearest[0]}.{nearest[1]}+{name}")
            return replace(found, other_major=parse_variant(name).version[0] != wanted.cuda[0])
    return None


def _variants_by_nearness(cuda: tuple[int, int]) -> list[str]:
    known = {parse_variant(name).cuda or (0, 0): name for release in releases() for name in release.variants}
    in_order = by_nearness(cuda, known)
    return [known[version] for version in sorted(in_order, key=lambda version: version[0] != cuda[0])]


def _read_builds(variant: str, platform: Platform) -> Iterator[tuple[TorchRelease, PlatformBuild]]:
    for release in releases():
        build = release.variants.get(variant)
        on_platform = build.platforms.get(platform) if build else None
        if on_platform and on_platform.sm:
            yield release, on_platform


def _has_patch(version: str) -> bool:
    public = version.partition("+")[0]
    return any(public in release.patches for release in releases())


def _with_origin(build: PlatformBuild, inferred_from: str | None) -> ArchList:
    return ArchList(
        sm=build.sm,
        ptx=build.ptx,
        evidence=build.evidence,
        inferred_from=inferred_from,
        uncertain=inferred_from is not None or _UNCERTAIN in build.evidence,
    )
