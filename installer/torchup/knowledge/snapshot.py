"""The bundled snapshot of PyTorch's index: it tells what would be picked when nothing can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from torchup.knowledge.order import release_numbers
from torchup.knowledge.platforms import Platform
from torchup.knowledge.release_table import TorchRelease, releases
from torchup.knowledge.releases import variants_of
from torchup.knowledge.tables import table
from torchup.knowledge.wheel_tags import WheelTag, tags_of
from torchup.model.offer import Offer

PACKAGES = ("torch", "torchvision", "torchaudio")
"""The packages the snapshot has; triton is left to the requirement inside torch's own wheel."""


def snapshot_date() -> str:
    """Give the day of the snapshot (`2026-11-21`): the older of the two tables that it is made from."""
    return min(str(table(name)["as_of"]) for name in ("torch_releases", "torch_wheels"))


@cache
def snapshot_offers(
    platform: Platform, packages: tuple[str, ...] = ("torch",), variants: frozenset[str] | None = None
) -> tuple[Offer, ...]:
    """Give the wheels of PyTorch's index for a platform as of `snapshot_date()`, oldest release first.

    They carry no hashes, and their URLs are those the index's naming gives: read them as what exists, not as
    what to fetch. A package that the snapshot does not have adds nothing. `variants` leaves out all others.
    """
    return tuple(offer for package in packages for offer in _offers_of(package, platform, variants))


@cache
def _offers_of(package: str, platform: Platform, variants: frozenset[str] | None) -> tuple[Offer, ...]:
    if package not in PACKAGES:
        return ()
    return tuple(
        offer
        for release in releases()
        for patch in release.patches
        for offer in _offers_of_patch(package, release, patch, platform, variants)
    )


def _offers_of_patch(
    package: str, release: TorchRelease, patch: str, platform: Platform, variants: frozenset[str] | None
) -> Iterator[Offer]:
    version = patch if package == "torch" else release.companions[package][patch]
    tags = tags_of(patch, platform)
    if version is None or not tags or not _ships(package, patch, platform):
        return
    wheel_tags = _wheel_tags(package, version, tags)
    needs_python = release.requires_python + _also_needs_python(package, version)
    for variant in variants_of(patch, platform):
        if variants is not None and variant not in variants:
            continue
        if package in _missing_companions(variant, release.minor, platform):
            continue
        local = None if _has_no_label(variant, release, platform) else variant
        origin = table("torch_wheels")["index"]["base"] + variant
        label = f"+{local}" if local else ""
        for fits in _tags_of_variant(package, version, variant, wheel_tags):
            filename = f"{package}-{version}{label}-{'-'.join(fits)}.whl"
            yield Offer(
                package=package,
                version=version,
                local=local,
                variant=variant,
                tags=fits,
                filename=filename,
                url=f"{origin}/{filename.replace('+', '%2B')}",
                origin=origin,
                source="snapshot",
                requires_python=needs_python,
            )


def _wheel_tags(package: str, version: str, tags: tuple[WheelTag, ...]) -> tuple[tuple[str, str, str], ...]:
    for row in table("torch_wheels")["pure_python_tag"]:
        if row["package"] == package and row["version"] == version:
            platforms = dict.fromkeys(tag.platform for tag in tags)
            return tuple((row["python"], row["abi"], platform) for platform in platforms)
    return tuple(tag.tags for tag in tags)


def _tags_of_variant(
    package: str, version: str, variant: str, tags: tuple[tuple[str, str, str], ...]
) -> tuple[tuple[str, str, str], ...]:
    for row in table("torch_wheels")["other_platform_tags"]:
        if package == "torch" and version == row["version"] and variant in row["variants"]:
            return tuple((python, abi, row["to"] if tag == row["from"] else tag) for python, abi, tag in tags)
    return tags


def _also_needs_python(package: str, version: str) -> str:
    rule = table("torch_releases")["companion_rules"].get(package, {}).get("requires_python_also")
    newer = rule is not None and release_numbers(version) >= release_numbers(rule["from"])
    return f",{rule['specifier']}" if newer else ""


def _ships(package: str, patch: str, platform: Platform) -> bool:
    if platform != "windows_arm64":
        return True
    rows = table("torch_wheels")["windows_arm64"]
    return any(row["version"] == patch and package in row["packages"] for row in rows)


@cache
def _missing_companions(variant: str, minor: str, platform: Platform) -> frozenset[str]:
    return frozenset(
        package
        for row in table("torch_wheels")["companions_missing"]
        if (row["variant"], row["torch"], row["platform"]) == (variant, minor, platform)
        for package in row["packages"]
    )


def _has_no_label(variant: str, release: TorchRelease, platform: Platform) -> bool:
    return any(
        row["until"] is None or release.numbers <= release_numbers(row["until"])
        for row in table("torch_wheels")["without_local_label"]
        if (row["variant"], row["platform"]) == (variant, platform)
    )
