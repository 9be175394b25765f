"""What else would be possible: the newer torch that a newer driver or another Python would give."""

from __future__ import annotations

from dataclasses import replace

from torchup.knowledge import drivers
from torchup.model.request import DriverWish
from torchup.model.resolution import Reason
from torchup.resolve.candidates import Candidate, search
from torchup.resolve.driver_service import DriverChoice, last_branch, shared_driver
from torchup.resolve.pythons import managed
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr


def gains_for(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    """Name what one change at a time would give, where a newer release is held back by it."""
    if outcome.status != "ok" or pick.build.number == situation.catalogue.builds[0].number:
        return []
    codes = {refusal.code for _, refusal in outcome.findings.refused}
    gains: list[Reason] = []
    if codes.intersection(("driver-too-old", "ptx-needs-newer-driver")):
        gains += _with_newer_driver(situation, outcome, pick)
    if any(code.startswith(("python", "companion")) for code in codes) and situation.request.python.version == "auto":
        gains += _with_other_python(situation, outcome, pick)
    return gains


def _with_newer_driver(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    chosen = shared_driver(situation.facts, outcome.target.devices, DriverWish())
    if not isinstance(chosen, DriverChoice):
        return []
    target = replace(outcome.target, driver=chosen.view)
    best = search(situation.question(target), situation.catalogue).best
    if best is None or best.build.number <= pick.build.number or best.build.variant.cuda is None:
        return []
    minimum = drivers.minimum_driver(best.build.variant.cuda[0], chosen.view.system)
    found = outcome.target.driver.version if outcome.target.driver else None
    newer = str(minimum.version.branch if minimum else chosen.branch.branch)
    if minimum and found and found.branch >= minimum.version.branch:
        newer = minimum.text
    last = last_branch(outcome.target.devices)
    build = {"version": best.build.version, "name": best.build.variant.name}
    text = (
        tr("With driver {newer} to {last}: torch {version} + {name}.", newer=newer, last=last, **build)
        if last
        else tr("With driver {newer} or newer: torch {version} + {name}.", newer=newer, **build)
    )
    return [Reason(code="newer-driver", text=text)]


def _with_other_python(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    question = replace(situation.question(outcome.target), interpreters=managed(situation.catalogue.labels))
    best = search(question, situation.catalogue).best
    if best is None or best.build.number <= pick.build.number:
        return []
    text = tr(
        "With Python {python}: torch {version} + {name}.",
        python=best.interpreter.label,
        version=best.build.version,
        name=best.build.variant.name,
    )
    return [Reason(code="newer-python", text=text)]
