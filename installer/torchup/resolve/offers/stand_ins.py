"""What stands in for sources that could not be asked: the bundled snapshot, as their offers would be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torchup.knowledge.platforms import Platform
from torchup.knowledge.releases import default_index_variant, releases
from torchup.knowledge.snapshot import PACKAGES, snapshot_offers
from torchup.knowledge.wheel_tags import index_only_pythons
from torchup.model.offer import Offer, SourceReport
from torchup.model.request import SourceWish
from torchup.resolve.offers.report import Verdict
from torchup.words import mark, tr

DEFAULT_INDEX = mark("the configured package index")


def pytorch_stand_ins(
    verdicts: Sequence[Verdict],
    skipped: Sequence[SourceReport],
    packages: tuple[str, ...],
    platform: Platform,
    *,
    wanted: frozenset[str],
    always: bool,
) -> tuple[Offer, ...]:
    """Give the snapshot's offers for the variants that PyTorch's index could not be asked for, or for all `wanted`."""
    everything = always or bool(skipped) or any(verdict.unasked is None for verdict in verdicts)
    unasked = {variant for verdict in verdicts for variant in verdict.unasked or ()}
    if not everything and not unasked:
        return ()
    return snapshot_offers(platform, packages, wanted if everything else frozenset(unasked))


def unasked_default(wish: SourceWish, verdicts: Sequence[Verdict]) -> SourceReport | None:
    """Report that only the default index may be used, and that which one it is is not known here."""
    if wish.index != "default" or any(verdict.outcome.source.kind in ("default", "extra") for verdict in verdicts):
        return None
    detail = tr("Which package index pip and uv are configured with is not known here, so it was not asked.")
    return SourceReport(kind="default", origin=DEFAULT_INDEX, state="skipped", detail=detail)


def default_stand_ins(
    wish: SourceWish, verdicts: Sequence[Verdict], packages: tuple[str, ...], platform: Platform
) -> tuple[Offer, ...]:
    """Give what the default index has as of the snapshot, when only it may be used and it could not be asked.

    It has one build of each release, without a label, and only the Pythons that are not PyTorch's own index's alone.
    """
    configured = [verdict for verdict in verdicts if verdict.outcome.source.kind in ("default", "extra")]
    if wish.index != "default" or not all(_is_offline(verdict) for verdict in configured):
        return ()
    origin = configured[0].outcome.source.origin if configured else DEFAULT_INDEX
    there = set(_on_default_index(platform))
    return tuple(
        _as_listed(offer, origin)
        for offer in snapshot_offers(platform, packages)
        if (offer.package, offer.version, offer.variant) in there
        and offer.tags[1] not in index_only_pythons(offer.version, platform)
    )


def _is_offline(verdict: Verdict) -> bool:
    return verdict.fault is not None and verdict.fault.kind == "offline"


def _on_default_index(platform: Platform) -> Iterator[tuple[str, str | None, str | None]]:
    for release in releases():
        for patch in release.patches:
            variant = default_index_variant(patch, platform)[0]
            yield "torch", patch, variant
            for package in PACKAGES[1:]:
                yield package, release.companions[package][patch], variant


def _as_listed(offer: Offer, origin: str) -> Offer:
    filename = offer.filename.replace(f"+{offer.local}-", "-") if offer.local else offer.filename
    return replace(
        offer,
        local=None,
        filename=filename,
        url=f"{origin}/{offer.package}/{filename}",
        origin=origin,
        source="default",
    )
