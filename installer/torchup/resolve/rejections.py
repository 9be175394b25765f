"""Why not the others: the few rejections that tell most, or all of them."""

from __future__ import annotations

from torchup.model.resolution import Rejection
from torchup.resolve.candidates import Candidate
from torchup.resolve.catalogue import Build
from torchup.resolve.explain import NOT_TELLING
from torchup.resolve.refusal import Refusal
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr

_FEW = 8


def rejections_of(situation: Situation, outcome: Outcome, *, every: bool) -> tuple[Rejection, ...]:
    """List what was not taken, newest first.

    By default each variant is told once per gate, for releases at least as new as the pick; `every` tells all.
    """
    refused = outcome.findings.refused
    if every:
        outranked = [(found.build, _outranked(found, outcome.pick)) for found in outcome.findings.passed]
        everything = [*refused, *((build, refusal) for build, refusal in outranked if refusal)]
        everything.sort(key=lambda entry: (entry[0].number, entry[0].variant.version), reverse=True)
        return (*(_rejection(*entry) for entry in everything), *_unlabelled(situation))
    few: dict[tuple[str, str], Rejection] = {}
    for build, refusal in refused:
        key = (build.variant.name, refusal.code)
        newer = outcome.pick is None or build.number >= outcome.pick.build.number
        if newer and refusal.code not in NOT_TELLING and key not in few:
            few[key] = _rejection(build, refusal)
            if len(few) == _FEW:
                break
    return tuple(few.values())


def _rejection(build: Build, refusal: Refusal) -> Rejection:
    return Rejection(version=build.version, variant=build.variant.name, code=refusal.code, text=refusal.text)


def _outranked(found: Candidate, pick: Candidate | None) -> Refusal | None:
    if found is pick:
        return None
    values = {"pick": pick.build.title if pick else tr("another choice")}
    if pick and found.build.number < pick.build.number:
        return Refusal("outranked", tr("would run too, but {pick} is newer"), values)
    return Refusal("outranked", tr("would run too, but {pick} suits this machine better"), values)


def _unlabelled(situation: Situation) -> list[Rejection]:
    text = tr("is of an unknown variant: neither its name nor its source tells")
    found = {(offer.version, offer.variant or "unknown") for offer in situation.catalogue.unlabelled}
    return [
        Rejection(version=version, variant=variant, code="variant-unknown", text=text)
        for version, variant in sorted(found, reverse=True)
    ]
