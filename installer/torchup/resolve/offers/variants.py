"""Which of PyTorch's variants are worth asking for on a machine, and what an unlabelled wheel is; pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from torchup.knowledge.order import by_nearness, release_numbers
from torchup.knowledge.platforms import Platform
from torchup.knowledge.releases import default_index_variant, known_versions, releases, variants_of
from torchup.knowledge.variants import VariantKind, parse_variant
from torchup.model.facts import MachineFacts
from torchup.resolve.offers.urls import as_variant

_KINDS: dict[str, VariantKind] = {"nvidia": "cuda", "amd": "rocm", "intel": "xpu"}


def wanted_kinds(facts: MachineFacts) -> frozenset[VariantKind]:
    """Name the kinds of builds that can matter on a machine: always cpu, and one per vendor of its GPUs."""
    kinds: set[VariantKind] = {"cpu"}
    kinds.update(_KINDS[gpu.vendor] for gpu in facts.gpus if gpu.vendor in _KINDS)
    # A Jetson board has its GPU even where nothing lists it.
    if facts.nvidia is not None or facts.context.jetson is not None:
        kinds.add("cuda")
    return frozenset(kinds)


def wanted_variants(facts: MachineFacts, platform: Platform, listed: Iterable[str] = ()) -> tuple[str, ...]:
    """List the variants to ask for: those the tables have for the platform, and newer ones that were `listed`.

    Of the listed names that no table has, only those newer than the oldest known one count: the index still
    holds folders of long ago.
    """
    kinds = wanted_kinds(facts)
    known = [name for name in known_variants(platform) if parse_variant(name).kind in kinds]
    fresh = []
    for name in dict.fromkeys(listed):
        if as_variant(name) is None or name in known or parse_variant(name).kind not in kinds:
            continue
        variant = parse_variant(name)
        older = [parse_variant(other).version for other in known if parse_variant(other).kind == variant.kind]
        if variant.version and (not older or variant.version > min(older)):
            fresh.append(name)
    return tuple(sorted([*known, *fresh], key=_rank))


@cache
def known_variants(platform: Platform) -> tuple[str, ...]:
    """List every variant that the tables have for any release on a platform."""
    found = {name for version in known_versions() for name in variants_of(version, platform)}
    return tuple(sorted(found, key=_rank))


@cache
def unlabelled_variant(package: str, version: str, platform: Platform) -> str | None:
    """Say which variant a wheel without a label is, from the package index's rule for its torch release.

    A companion is what its torch release is. None for a package without a torch release, and for releases
    before the tables begin: nothing can be told from the nearest one about those.
    """
    torch = version if package == "torch" else _torch_of(package, version)
    if torch is None or release_numbers(torch)[:2] < releases()[0].numbers:
        return None
    return default_index_variant(torch, platform)[0]


def _torch_of(package: str, version: str) -> str | None:
    by_version = {
        found: patch
        for release in releases()
        for patch, found in release.companions.get(package, {}).items()
        if found is not None
    }
    if version in by_version or not by_version:
        return by_version.get(version)
    numbers = {release_numbers(known): patch for known, patch in by_version.items()}
    if release_numbers(version) < min(numbers):
        return None
    return numbers[by_nearness(release_numbers(version), numbers)[0]]


def _rank(name: str) -> tuple[str, tuple[int, ...]]:
    variant = parse_variant(name)
    return variant.kind, variant.version
