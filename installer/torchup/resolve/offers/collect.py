"""Collecting offers: every source is asked at once, within one time limit, and each one's answer is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torchup.knowledge.platforms import Platform, platform_of
from torchup.knowledge.snapshot import snapshot_date, snapshot_offers
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings, Offer, OfferBook, SourceReport
from torchup.model.request import SourceWish
from torchup.resolve.offers.client import PageReader
from torchup.resolve.offers.crew import Crew
from torchup.resolve.offers.kept_pages import KeptPages
from torchup.resolve.offers.listed import offers_of
from torchup.resolve.offers.lookup import Lookup, Outcome
from torchup.resolve.offers.report import Verdict, judge, reports_of, snapshot_report
from torchup.resolve.offers.sources import Source, sources_of, with_wish
from torchup.resolve.offers.stand_ins import default_stand_ins, pytorch_stand_ins, unasked_default
from torchup.resolve.offers.transport import Deadline, Limits, Transport
from torchup.resolve.offers.variants import wanted_kinds, wanted_variants
from torchup.resolve.offers.wheel_names import normalized

_THREADS = 8


def collect(
    source: SourceWish,
    facts: MachineFacts,
    packages: tuple[str, ...],
    *,
    settings: IndexSettings,
    cache: Path | None,
    today: str,
    offline: bool = False,
    snapshot: bool = False,
    variants: tuple[str, ...] | None = None,
    also: tuple[str, ...] = (),
    limits: Limits | None = None,
    transport: Callable[[], Transport] | None = None,
) -> OfferBook:
    """Ask the sources which wheels of some packages they have for a machine's platform.

    `cache` is torchup's cache folder, None to keep nothing. `today` is written on what is read (`2026-11-21`).
    Offline, here or in the request, only local sources and copies of earlier runs are read, and no socket
    is opened. `snapshot` adds the bundled snapshot's offers as stand-ins even when PyTorch's index answers;
    otherwise they stand in for what could not be asked of it. `variants` asks for just these folders of
    PyTorch's index, whatever GPUs there are, and `also` for these beside those that the GPUs call for. `transport` is for tests.

    Nothing of what a source does raises: it is told in the book's reports.
    """
    platform = platform_of(facts.os)
    names = tuple(dict.fromkeys(map(normalized, packages)))
    if platform is None or not names:
        return OfferBook(offers=(), as_of=today)
    settings = with_wish(settings, source)
    offline = offline or source.offline
    sources, skipped = sources_of(source, settings)
    limits = limits or Limits()
    choose = _chooser(facts, platform, variants, also)
    outcomes = _ask(
        sources,
        names,
        choose=choose,
        discover=variants is None and wanted_kinds(facts) != {"cpu"},
        offline=offline,
        settings=settings,
        cache=cache / "offers" if cache is not None else None,
        today=today,
        limits=limits,
        transport=transport,
    )
    verdicts = [judge(outcome, offline=offline) for outcome in outcomes]
    offers, counts = _gather(verdicts, names, platform)
    wanted = frozenset(choose(()))
    stand_ins = pytorch_stand_ins(verdicts, skipped, names, platform, wanted=wanted, always=snapshot)
    stand_ins = stand_ins or default_stand_ins(source, verdicts, names, platform)
    reports = [*reports_of(verdicts, counts, today=today), *skipped]
    if default := unasked_default(source, verdicts):
        reports.append(default)
    if stand_ins:
        reports.append(snapshot_report(len(stand_ins)))
    return OfferBook(offers=offers, stand_ins=stand_ins, reports=tuple(reports), as_of=_as_of(verdicts, reports, today))


def snapshot_book(facts: MachineFacts, packages: tuple[str, ...]) -> OfferBook:
    """Give the bundled snapshot alone, asking nobody; pure."""
    platform = platform_of(facts.os)
    stand_ins = snapshot_offers(platform, tuple(map(normalized, packages))) if platform else ()
    return OfferBook(offers=(), stand_ins=stand_ins, reports=(snapshot_report(len(stand_ins)),), as_of=snapshot_date())


def _ask(
    sources: tuple[Source, ...],
    packages: tuple[str, ...],
    *,
    choose: Callable[[tuple[str, ...]], tuple[str, ...]],
    discover: bool,
    offline: bool,
    settings: IndexSettings,
    cache: Path | None,
    today: str,
    limits: Limits,
    transport: Callable[[], Transport] | None,
) -> list[Outcome]:
    deadline = Deadline(limits.total_s)

    def over_http() -> Transport:
        from torchup.resolve.offers.web import HttpTransport

        return HttpTransport(settings, limits, deadline)

    reader = PageReader(
        transport=transport or over_http,
        kept=KeptPages(cache / "pages" if cache is not None else None),
        today=today,
        offline=offline,
    )
    lookups = [Lookup(source, packages, reader, choose, discover=discover) for source in sources]
    crew = Crew(_THREADS)
    for lookup in lookups:
        lookup.start(crew.add)
    crew.finish(deadline, reader.abort)
    reader.close()
    return [lookup.settle(deadline.fault()) for lookup in lookups]


def _chooser(
    facts: MachineFacts, platform: Platform, variants: tuple[str, ...] | None, also: tuple[str, ...]
) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    if variants is not None:
        return lambda _listed: variants
    return lambda listed: tuple(dict.fromkeys((*wanted_variants(facts, platform, listed), *also)))


def _gather(
    verdicts: list[Verdict], packages: tuple[str, ...], platform: Platform
) -> tuple[tuple[Offer, ...], list[int]]:
    """Turn the usable pages into offers, and count them per source.

    They come by package, then source, then variant, then file name. A file that two sources list under the
    same address is the first one's, and counts for both.
    """
    wanted = frozenset(packages)
    found: dict[tuple[str, str], Offer] = {}
    ranks: dict[tuple[str, str], tuple[int, int, int, str]] = {}
    counts = [0] * len(verdicts)
    for rank, verdict in enumerate(verdicts):
        source = verdict.outcome.source
        for place, (key, page) in enumerate(verdict.usable.items()):
            origin = verdict.outcome.origin_of(key)
            for offer in offers_of(page.files, source, wanted, platform, origin=origin, variant=key[0]):
                counts[rank] += 1
                name = (offer.filename, offer.origin)
                if name not in found:
                    found[name] = offer
                    ranks[name] = (packages.index(offer.package), rank, place, offer.filename)
    return tuple(found[name] for name in sorted(found, key=ranks.__getitem__)), counts


def _as_of(verdicts: list[Verdict], reports: list[SourceReport], today: str) -> str:
    """Date the book by its freshest part: today when anything was read now."""
    dates = [page.as_of for verdict in verdicts for page in verdict.usable.values()]
    return max(dates, default=snapshot_date() if any(report.kind == "snapshot" for report in reports) else today)
