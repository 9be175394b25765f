"""What the state of the sources means for a decision: unreachable ones, and the snapshot that stands in."""

from __future__ import annotations

from collections.abc import Iterable

from torchup.knowledge.snapshot import snapshot_date
from torchup.model.offer import OfferBook, SourceReport
from torchup.model.resolution import NextStep, Reason
from torchup.resolve.candidates import Candidate
from torchup.resolve.catalogue import catalogue_of
from torchup.resolve.offers.urls import is_remote, plain_http_host
from torchup.resolve.refusal import listed
from torchup.resolve.situation import Situation
from torchup.words import tr


def unreachable(book: OfferBook) -> tuple[Reason, list[NextStep]]:
    """Say that the build exists, as far as the snapshot tells, but cannot be fetched from here now."""
    # The snapshot stands in for PyTorch's index or its mirror: of several failures that one matters.
    failed = sorted(_failed(book), key=lambda report: report.kind not in ("pytorch", "mirror"))
    why = f" ({_told(failed[0])})" if failed else ""
    text = tr(
        "The source that has this build could not be asked{why}; the pick is from the snapshot of {date}.",
        why=why,
        date=snapshot_date(),
    )
    where = tr(failed[0].origin) if failed else tr("PyTorch's index")
    step = NextStep(
        text=tr(
            "Make {where} reachable (network, source.proxy, source.mirror), or offer the wheels in source.find_links.",
            where=where,
        )
    )
    return Reason(code="source-unreachable", text=text), [step]


def no_offers_steps(book: OfferBook) -> list[NextStep]:
    """Say what would bring offers when no source had any."""
    if _failed(book):
        return unreachable(book)[1]
    text = tr("Let torchup ask an index that has torch: source.index: auto, or the address of one.")
    return [NextStep(text=text)]


def source_warnings(book: OfferBook, pick: Candidate | None) -> list[Reason]:
    """Warn of sources that did not answer, and say when the snapshot decided, and why."""
    warnings: list[Reason] = []
    failed = [report for report in _failed(book) if report.asked or not book.stand_ins]
    if failed:
        more = tr(", and {count} more", count=len(failed) - 1) if len(failed) > 1 else ""
        text = tr("A source could not be asked: {told}{more}.", told=_told(failed[0]), more=more)
        if pick is not None and not _by_snapshot(book, pick):
            text += tr(" The pick is from {origin}.", origin=pick.wheel.origin)
        warnings.append(Reason(code="source-unreachable", text=text))
    if _by_snapshot(book, pick):
        unasked = [report.detail for report in book.reports if report.detail and _is_unasked(report)]
        why = f" {unasked[0]}" if unasked else ""
        default = any(offer.source == "default" for offer in book.stand_ins[:1])
        index = tr("the default package index") if default else tr("PyTorch's index")
        text = tr(
            "Decided from the bundled snapshot of {date}, which tells what {index} had then.{why}",
            date=snapshot_date(),
            index=index,
            why=why,
        )
        warnings.append(Reason(code="from-snapshot", text=text))
    return warnings


def unsafe_sources(book: OfferBook, pick: Candidate | None) -> list[Reason]:
    """Say which sources are asked over plain http, and which wheels of the pick have no hash."""
    wheels = [] if pick is None else [pick.wheel, *pick.companions.wheels]
    asked = [report.origin for report in book.reports if report.state == "live"]
    reasons = plain_http((*asked, *(address for wheel in wheels for address in (wheel.origin, wheel.url))))
    bare: dict[str, list[str]] = {}
    for wheel in wheels:
        if wheel.source not in ("conda", "snapshot") and is_remote(wheel.url) and not wheel.strong_hashes:
            bare.setdefault(wheel.origin, []).append(wheel.package)
    for origin, packages in bare.items():
        text = tr(
            "{origin} gives no hash for {packages}: nothing tells whether the file that arrives is the one that is meant.",
            origin=origin,
            packages=listed(packages),
        )
        reasons.append(Reason(code="no-hashes", text=text))
    return reasons


def plain_http(addresses: Iterable[str]) -> list[Reason]:
    """Say of each host that is asked over plain http what that means."""
    hosts = dict.fromkeys(host for address in addresses if (host := plain_http_host(address)))
    return [
        Reason(
            code="plain-http",
            text=tr(
                "{host} is asked over plain http: whoever stands on the way can change what is installed. Name its https address if it has one.",
                host=host,
            ),
        )
        for host in hosts
    ]


def newer_in_snapshot(situation: Situation, pick: Candidate, book: OfferBook) -> list[Reason]:
    """Say when the snapshot knows a newer build of this variant than the sources that answered."""
    known = catalogue_of(book, situation.platform, stand_ins=True).builds
    variant = pick.build.variant.name
    newest = next((build for build in known if build.variant.name == variant and not build.number.is_prerelease), None)
    if newest is None or situation.version is not None or newest.number <= pick.build.number:
        return []
    text = tr(
        "torch {title} exists as of {date}, but no source that answered offers it.",
        title=newest.title,
        date=snapshot_date(),
    )
    return [Reason(code="newer-elsewhere", text=text)]


def _failed(book: OfferBook) -> list[SourceReport]:
    return [report for report in book.reports if report.state == "unreachable"]


def _by_snapshot(book: OfferBook, pick: Candidate | None) -> bool:
    if pick is None:
        return bool(book.stand_ins) and not book.offers
    return pick.wheel.source == "snapshot" or any(pick.wheel is offer for offer in book.stand_ins)


def _is_unasked(report: SourceReport) -> bool:
    return not report.asked or report.state == "skipped"


def _told(report: SourceReport) -> str:
    origin = tr(report.origin)
    return f"{origin}: {report.detail.rstrip('.。')}" if report.detail else origin
