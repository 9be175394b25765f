"""How asking the sources went, in sentences, and what follows from it; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torchup.knowledge.snapshot import snapshot_date
from torchup.model.offer import SourceReport
from torchup.model.quick import dataclass
from torchup.resolve.offers.client import Page
from torchup.resolve.offers.lookup import Key, Outcome
from torchup.resolve.offers.sources import Source
from torchup.resolve.offers.transport import FetchError
from torchup.resolve.offers.urls import is_remote
from torchup.words import mark, tr

_FORBIDDEN = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one source is good for in this run.

    `usable` are the pages whose wheels count. `fault` is why the source as a whole could not be asked.
    `unasked` are the variants of PyTorch's index that nothing is known about now, None for all of them.
    """

    outcome: Outcome
    usable: Mapping[Key, Page]
    fault: FetchError | None = None
    unasked: tuple[str, ...] | None = ()

    @property
    def kept(self) -> bool:
        """Whether all that is usable are copies from an earlier run."""
        return bool(self.usable) and all(page.kept for page in self.usable.values())


def judge(outcome: Outcome, *, offline: bool) -> Verdict:
    """Decide which pages of a source count.

    A copy from an earlier run stands in for a page that failed while its server answered others, and
    offline. When a server answered nothing, its copies do not count: what they list cannot be fetched.
    """
    good = outcome.good
    live = [page for page in good.values() if not page.kept]
    pytorch = outcome.source.kind in ("pytorch", "mirror")
    if not live and not (offline and good):
        fault = _fault_of(outcome)
        if fault is not None:
            return Verdict(outcome=outcome, usable={}, fault=fault, unasked=_variants(outcome) if pytorch else ())
        return Verdict(outcome=outcome, usable={})
    failed = {key[0] for key, fault in outcome.faults.items() if fault.kind in ("host", "page") and key[0]}
    return Verdict(outcome=outcome, usable=good, unasked=tuple(sorted(failed)) if pytorch else ())


def _variants(outcome: Outcome) -> tuple[str, ...] | None:
    return (outcome.source.variant,) if outcome.source.variant else None


def _fault_of(outcome: Outcome) -> FetchError | None:
    """Find the one fault that explains why no page came, None when the source just lacks the packages."""
    stale = [page.fault for page in outcome.good.values() if page.fault is not None]
    faults = [*outcome.faults.values(), *stale]
    for kind in ("host", "page", "offline"):
        for fault in faults:
            if fault.kind == kind:
                return fault
    refused = [fault for fault in faults if fault.status == _FORBIDDEN]
    if outcome.source.layout == "variants" or (refused and len(refused) == len(faults)):
        status = faults[0].status if faults else None
        told = (
            tr("answered {status} for every page", status=status)
            if status
            else tr("has none of the pages that it should have")
        )
        return FetchError("page", told, status=status)
    return None


def reports_of(verdicts: Sequence[Verdict], counts: Sequence[int], *, today: str) -> tuple[SourceReport, ...]:
    """Describe every source: first how it went as a whole, then its variants that failed.

    `counts` are the fitting wheels that each of them listed.
    """
    reports: list[SourceReport] = []
    for verdict, count in zip(verdicts, counts, strict=True):
        reports.append(_whole(verdict, count, today))
        if verdict.fault is None:
            reports += _parts(verdict)
    return tuple(reports)


def snapshot_report(count: int) -> SourceReport:
    """Say that the bundled snapshot was used."""
    return SourceReport(
        kind="snapshot",
        origin=mark("bundled snapshot"),
        state="snapshot",
        offers=count,
        as_of=snapshot_date(),
        detail=tr(
            "The bundled snapshot of {date} stands in for the index: it tells what would be picked, and nothing can be fetched from it.",
            date=snapshot_date(),
        ),
    )


def _whole(verdict: Verdict, count: int, today: str) -> SourceReport:
    source = verdict.outcome.source
    report = SourceReport(
        kind=source.kind, origin=source.origin, variant=source.variant, state="live", offers=count, as_of=today
    )
    if verdict.fault is not None:
        asked = verdict.fault.kind != "offline"
        detail = _unreachable(source, verdict.fault)
        return replace(report, state="unreachable", asked=asked, as_of=None, detail=detail)
    if verdict.kept:
        as_of = min(page.as_of for page in verdict.usable.values())
        detail = tr(
            "{source} was not asked (offline); its pages of {as_of} were used.",
            source=_capital(source.title),
            as_of=as_of,
        )
        return replace(report, state="cached", as_of=as_of, detail=detail)
    return replace(report, detail=_partly(verdict, count))


def _unreachable(source: Source, fault: FetchError) -> str:
    title = _capital(source.title)
    if fault.kind == "offline":
        return tr("{title} was not asked (offline), and no copy of its pages is kept from an earlier run.", title=title)
    if fault.kind == "host" and fault.status is None and not fault.moved and is_remote(source.origin):
        return tr("{title} did not answer ({detail}).", title=title, detail=fault.detail)
    return tr("{title} could not be read ({detail}).", title=title, detail=fault.detail)


def _partly(verdict: Verdict, count: int) -> str | None:
    """Say what is missing from a source that answered; variants of PyTorch's index have their own reports."""
    source = verdict.outcome.source
    if source.layout != "variants":
        for (_, package), page in verdict.outcome.pages.items():
            fault = page.fault if isinstance(page, Page) else page if page.kind != "missing" else None
            if fault is not None:
                kept = tr("; its copy of {as_of} was used", as_of=page.as_of) if isinstance(page, Page) else ""
                return tr(
                    "{source}: the page of {package} could not be read ({detail}){kept}.",
                    source=_capital(source.title),
                    package=package,
                    detail=fault.detail,
                    kept=kept,
                )
    return None if count else tr("{source} has no fitting wheel of these packages.", source=_capital(source.title))


def _parts(verdict: Verdict) -> list[SourceReport]:
    source = verdict.outcome.source
    if source.layout != "variants":
        return []
    reports: dict[str, SourceReport] = {}
    for (variant, package), page in verdict.outcome.pages.items():
        fault = page.fault if isinstance(page, Page) else page if page.kind in ("host", "page") else None
        if fault is None or variant is None or variant in reports:
            continue
        kept = page.as_of if isinstance(page, Page) else None
        then = tr("its copy of {kept} was used", kept=kept) if kept else tr("its wheels were left out")
        reports[variant] = SourceReport(
            kind=source.kind,
            origin=f"{source.origin}/{variant}",
            variant=variant,
            state="cached" if kept else "unreachable",
            as_of=kept,
            detail=tr(
                "{source}: the page of {package} for {variant} could not be read ({detail}); {then}.",
                source=_capital(source.title),
                package=package,
                variant=variant,
                detail=fault.detail,
                then=then,
            ),
        )
    return list(reports.values())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
