"""An offer book put in order for look-ups: builds of torch newest first, and their companions."""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from packaging.version import Version

from torchup.knowledge.platforms import Platform
from torchup.knowledge.releases import default_index_variant
from torchup.knowledge.variants import Variant, VariantKind, parse_variant
from torchup.model.offer import Offer, OfferBook
from torchup.model.quick import dataclass
from torchup.resolve.wheels import python_of

SOURCE_RANK = {"find-links": 0, "mirror": 1, "pytorch": 2, "extra": 3, "default": 4, "conda": 5, "snapshot": 6}

_KEPT = 8
_BUILD_TAG = re.compile(r"(\d+)")
_DASHES_WITH_BUILD_TAG = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Build:
    """All wheels of one torch version in one variant, grouped by their platform tag, best source first."""

    version: str
    number: Version
    prerelease: bool
    variant: Variant
    by_platform: tuple[tuple[str, tuple[Offer, ...]], ...]

    @property
    def title(self) -> str:
        """The build as people write it: `2.14.1+cu126`."""
        return f"{self.version}+{self.variant.name}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """Builds newest first, all and by kind, the wheels of companions, and what could not be sorted in.

    `companions` maps a package and a variant to its wheels per version, newest first. `unlabelled` holds torch wheels
    whose variant nothing tells.
    """

    builds: tuple[Build, ...]
    by_kind: dict[VariantKind, tuple[Build, ...]]
    companions: dict[tuple[str, str], dict[str, tuple[Offer, ...]]]
    labels: tuple[str, ...]
    unlabelled: tuple[Offer, ...]


_by_book: OrderedDict[tuple[object, ...], tuple[OfferBook, Catalogue]] = OrderedDict()
_by_offers: OrderedDict[tuple[object, ...], tuple[tuple[Offer, ...], Catalogue]] = OrderedDict()


def catalogue_of(book: OfferBook, platform: Platform, *, stand_ins: bool) -> Catalogue:
    """Put a book in order, once for the same offers: they may serve many machines, in one book or in many."""
    # What the ids are of is kept with each catalogue, so that an id cannot come to mean something else.
    key = (platform, stand_ins, id(book.offers), id(book.stand_ins))
    if key not in _by_book:
        offers = (*book.offers, *book.stand_ins) if stand_ins else book.offers
        same_offers = (platform, *map(id, offers))
        if same_offers not in _by_offers:
            _by_offers[same_offers] = (offers, _ordered(offers, platform))
        _by_book[key] = (book, _by_offers[same_offers][1])
        for kept in (_by_book, _by_offers):
            if len(kept) > _KEPT:
                kept.popitem(last=False)
    return _by_book[key][1]


def _ordered(offers: Iterable[Offer], platform: Platform) -> Catalogue:
    torch: defaultdict[tuple[Version, Variant], list[Offer]] = defaultdict(list)
    companions: defaultdict[tuple[str, str], defaultdict[Version, list[Offer]]] = defaultdict(lambda: defaultdict(list))
    unlabelled: list[Offer] = []
    for (package, version, name), wheels in _alike(offers, platform).items():
        variant = _variant(name)
        if variant is None:
            _join(unlabelled, wheels)
        elif package == "torch":
            _join(torch[Version(version), variant], wheels)
        else:
            _join(companions[package, variant.name][Version(version)], wheels)
    builds = [
        Build(
            version=str(number),
            number=number,
            prerelease=number.is_prerelease,
            variant=variant,
            by_platform=_by_platform(wheels),
        )
        for (number, variant), wheels in torch.items()
    ]
    builds.sort(key=lambda build: (build.number, build.variant.version, build.variant.name), reverse=True)
    kinds = {build.variant.kind for build in builds}
    return Catalogue(
        builds=tuple(builds),
        by_kind={kind: tuple(build for build in builds if build.variant.kind == kind) for kind in kinds},
        companions={key: _newest_first(versions) for key, versions in companions.items()},
        labels=tuple(sorted({label for wheels in torch.values() for label in _labels(wheels)})),
        unlabelled=tuple(offer for offer in unlabelled if offer.package == "torch"),
    )


def _alike(offers: Iterable[Offer], platform: Platform) -> dict[tuple[str, str, str | None], list[Offer]]:
    """Group wheels by package, version and variant as they are written, best first."""
    groups: defaultdict[tuple[str, str, str | None], list[Offer]] = defaultdict(list)
    for offer in sorted(offers, key=_preference):
        groups[offer.package, offer.version, offer.variant or _default_variant(offer, platform)].append(offer)
    return groups


def _join(wheels: list[Offer], more: list[Offer]) -> None:
    """Add wheels whose version is written in another way (2.1 and 2.1.0), best first again."""
    again = bool(wheels)
    wheels += more
    if again:
        wheels.sort(key=_preference)


def _preference(offer: Offer) -> tuple[int, int, str, str]:
    build = None
    if offer.filename.count("-") == _DASHES_WITH_BUILD_TAG:
        build = _BUILD_TAG.match(offer.filename.split("-")[2])
    return (SOURCE_RANK[offer.source], -int(build[1]) if build else 0, offer.filename, offer.url)


def _variant(name: str | None) -> Variant | None:
    try:
        return parse_variant(name) if name else None
    except ValueError:
        # An index may hold builds of a form that is not known; they are told of as unlabelled.
        return None


def _default_variant(offer: Offer, platform: Platform) -> str | None:
    return (
        default_index_variant(offer.version, platform)[0]
        if offer.source == "default" and offer.package == "torch"
        else None
    )


def _by_platform(wheels: list[Offer]) -> tuple[tuple[str, tuple[Offer, ...]], ...]:
    groups: defaultdict[str, list[Offer]] = defaultdict(list)
    for wheel in wheels:
        groups[wheel.tags[2]].append(wheel)
    return tuple((tag, tuple(group)) for tag, group in groups.items())


def _newest_first(versions: dict[Version, list[Offer]]) -> dict[str, tuple[Offer, ...]]:
    return {str(version): tuple(versions[version]) for version in sorted(versions, reverse=True)}


def _labels(wheels: Iterable[Offer]) -> set[str]:
    return {label for wheel in wheels if (label := python_of(wheel.tags[0], wheel.tags[1]))}
