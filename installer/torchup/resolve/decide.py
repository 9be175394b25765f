"""The resolver: facts, request and offers in, the decision with its reasons out. Nothing is read or asked here."""

from __future__ import annotations

from dataclasses import replace

from torchup.knowledge import drivers
from torchup.knowledge.platforms import platform_of
from torchup.knowledge.snapshot import snapshot_date
from torchup.model.facts import MachineFacts
from torchup.model.offer import OfferBook, SourceKind
from torchup.model.request import Request
from torchup.model.resolution import (
    DriverDecision,
    NextStep,
    PickSource,
    Reason,
    Resolution,
    ToolkitDecision,
    TorchPick,
)
from torchup.resolve.accelerator import choose
from torchup.resolve.candidates import Candidate
from torchup.resolve.catalogue import catalogue_of
from torchup.resolve.cautions import unseen_gpus, warnings_for
from torchup.resolve.explain import reasons_for
from torchup.resolve.gains import gains_for
from torchup.resolve.loosen import on_offer_now, ways_out
from torchup.resolve.rejections import rejections_of
from torchup.resolve.settle import settle
from torchup.resolve.situation import Outcome, Situation, situation_of
from torchup.resolve.sources import newer_in_snapshot, no_offers_steps, source_warnings, unreachable, unsafe_sources
from torchup.resolve.toolkit import Workplace, decide_toolkit
from torchup.resolve.why_none import why_none
from torchup.words import tr

_PLACES: dict[SourceKind, PickSource] = {
    "pytorch": "pytorch",
    "snapshot": "pytorch",
    "mirror": "mirror",
    "default": "default",
    "extra": "default",
    "find-links": "find-links",
    "conda": "conda",
}


def resolve(
    facts: MachineFacts,
    request: Request,
    book: OfferBook,
    *,
    every_rejection: bool = False,
    stand_ins_count: bool = True,
) -> Resolution:
    """Decide which build of PyTorch goes with this machine and this wish, and say why (DESIGN section 5).

    With `stand_ins_count` the snapshot's wheels count like others, which is right for a machine whose sources cannot be
    asked from here; for this one it is False, and a build that only the snapshot has leads to `action_needed`.
    `every_rejection` lists each build
    that was not taken. Raises UsageError for wishes that cannot be read: a version, a variant, a Python, a driver
    branch, or a GPU that the machine does not have.
    """
    platform = platform_of(facts.os)
    if platform is None:
        return _no_platform(facts)
    only_real = not stand_ins_count
    catalogue = catalogue_of(book, platform, stand_ins=stand_ins_count)
    situation = situation_of(facts, request, platform, catalogue, exhaustive=every_rejection)
    outcome = _decide(situation)
    if only_real and outcome.pick is None and book.stand_ins:
        wider_catalogue = catalogue_of(book, platform, stand_ins=True)
        wider = situation_of(facts, request, platform, wider_catalogue, exhaustive=every_rejection)
        second = _decide(wider)
        if second.pick or second.status == "action_needed":
            now = on_offer_now(situation)
            situation, outcome = wider, _when_reachable(second, book, now)
    return _resolution(situation, outcome, book, every_rejection=every_rejection, only_real=only_real)


def _decide(situation: Situation) -> Outcome:
    choice = choose(situation)
    outcome = settle(situation, choice)
    outcome.reasons += choice.notes
    outcome.warnings += choice.warnings
    return outcome


def _when_reachable(outcome: Outcome, book: OfferBook, now: list[NextStep]) -> Outcome:
    """Turn a pick that only the snapshot has into what would be picked if its source answered, or else `now`."""
    outcome.status = "action_needed"
    reason, steps = unreachable(book)
    outcome.reasons.insert(0, reason)
    outcome.steps += [*steps, *now]
    return outcome


def _resolution(
    situation: Situation, outcome: Outcome, book: OfferBook, *, every_rejection: bool, only_real: bool
) -> Resolution:
    reasons, warnings, steps = list(outcome.reasons), list(outcome.warnings), list(outcome.steps)
    pick = outcome.pick
    variant = pick.build.variant if pick else None
    place = Workplace(
        os=situation.facts.os,
        compilers=situation.facts.compilers,
        capabilities=outcome.target.capabilities,
        wheels=book.others,
        conda=bool(situation.facts.conda),
    )
    toolkit = decide_toolkit(situation.request.cuda_toolkit, situation.facts.toolkits, variant, place)
    status = outcome.status
    if toolkit.problem and pick:
        status = "no_solution"
        reasons.insert(0, toolkit.problem)
        steps += toolkit.steps
        steps.append(
            NextStep(text=tr("Loosen cuda_toolkit.source: then the pick is torch {title}.", title=pick.build.title))
        )
        pick = None
    if pick:
        reasons += [*reasons_for(situation, outcome, pick), *gains_for(situation, outcome, pick), *toolkit.reasons]
        warnings += [*warnings_for(situation, outcome, pick), *toolkit.warnings]
        warnings += newer_in_snapshot(situation, pick, book) if only_real else []
    elif status == "no_solution" and not toolkit.problem:
        reasons += why_none(situation, outcome)
        steps += ways_out(situation) if situation.catalogue.builds else no_offers_steps(book)
    warnings += [*unseen_gpus(situation), *source_warnings(book, pick), *unsafe_sources(book, pick)]
    # How far a working driver is upgraded is the person's choice, and the build follows from it: it is named
    # as what comes next, and not as decided. Where torchup is to install the driver, both are decided.
    asked = situation.request.driver.action == "install"
    open_ended = status == "action_needed" and outcome.driver.action == "upgrade" and not asked
    if pick and open_ended:
        text = tr(
            "Then run torchup again: with that driver the pick is torch {title} on Python {python}.",
            title=pick.build.title,
            python=pick.interpreter.label,
        )
        steps.append(NextStep(text=text))
    return Resolution(
        status=status,
        torch=_torch_pick(pick) if pick and not open_ended else None,
        driver=_with_minimum(outcome.driver, outcome, pick),
        cuda_toolkit=toolkit.decision,
        reasons=_each_once(reasons),
        rejected=rejections_of(situation, outcome, every=every_rejection),
        warnings=_each_once(warnings),
        next_steps=tuple(dict.fromkeys(steps)),
        facts_as_of=snapshot_date(),
    )


def _torch_pick(pick: Candidate) -> TorchPick:
    return TorchPick(
        version=pick.build.version,
        variant=pick.build.variant.name,
        python=pick.interpreter.label,
        packages={wheel.package: wheel.version for wheel in pick.companions.wheels},
        index=pick.wheel.origin,
        source=_PLACES[pick.wheel.source],
        python_path=pick.interpreter.path,
        wheels=(pick.wheel, *pick.companions.wheels),
    )


def _with_minimum(decision: DriverDecision, outcome: Outcome, pick: Candidate | None) -> DriverDecision:
    cuda = pick.build.variant.cuda if pick else None
    if cuda is None or outcome.target.driver is None or outcome.target.driver.by_label:
        return decision
    minimum = drivers.minimum_driver(cuda[0], outcome.target.driver.system)
    return replace(decision, minimum=minimum.text if minimum else None)


def _each_once(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


def _no_platform(facts: MachineFacts) -> Resolution:
    text = tr(
        "PyTorch has no wheels for {system} on {arch}; it has them for 64-bit Intel and ARM.",
        system=facts.os.system,
        arch=facts.os.arch,
    )
    return Resolution(
        status="no_solution",
        driver=DriverDecision(action="none"),
        cuda_toolkit=ToolkitDecision(source="none"),
        reasons=(Reason(code="platform", text=text),),
        next_steps=(NextStep(text=tr("Build PyTorch from source, or use a machine with another processor.")),),
        facts_as_of=snapshot_date(),
    )
