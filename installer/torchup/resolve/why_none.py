"""Why nothing fits, in one or two sentences: "from versions: none" is never the last word."""

from __future__ import annotations

from collections.abc import Sequence

from torchup.model.resolution import Reason
from torchup.resolve.catalogue import Build
from torchup.resolve.explain import KINDS, NOT_TELLING
from torchup.resolve.refusal import Refusal, listed
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr


def why_none(situation: Situation, outcome: Outcome) -> list[Reason]:
    """Name the gates that stopped the builds: that of the newest, and that of the build which came furthest."""
    if not situation.catalogue.builds:
        return [Reason(code="no-offers", text=_no_offers(situation))]
    if any(reason.code == "driver-kept" for reason in outcome.reasons):
        return []
    telling = [(build, refusal) for build, refusal in outcome.findings.refused if refusal.code not in NOT_TELLING]
    if telling:
        reasons = [_reason(situation, *entry) for entry in _most_telling(telling)]
        if {refusal.code for _, refusal in telling} == {"no-kernel"} and situation.variant is None:
            gpus = listed(list(dict.fromkeys(device.title for device in outcome.target.devices)))
            kind = KINDS[outcome.target.kind]
            reasons.insert(
                0,
                Reason(
                    code="no-kernel", text=tr("No {kind} build on offer has kernels for {gpus}.", kind=kind, gpus=gpus)
                ),
            )
        return list(dict.fromkeys(reasons))
    if outcome.findings.refused or outcome.target.kind not in situation.catalogue.by_kind:
        return [_nothing_of_this_kind(situation, outcome)]
    return []


def _most_telling(refused: list[tuple[Build, Refusal]]) -> list[tuple[Build, Refusal]]:
    # Of the gates, those of kernels and driver say more about the machine than those of Python and C library.
    by_code = {refusal.code: (build, refusal) for build, refusal in reversed(refused)}
    return [refused[0], *(entry for code, entry in by_code.items() if code != refused[0][1].code)][:3]


def _reason(situation: Situation, build: Build, refusal: Refusal) -> Reason:
    pins = _pins(situation)
    text = (
        tr("torch {title} {why} (asked for: {pins}).", title=build.title, why=refusal.text, pins=pins)
        if pins
        else tr("torch {title} {why}.", title=build.title, why=refusal.text)
    )
    return Reason(code=refusal.code, text=text)


def _nothing_of_this_kind(situation: Situation, outcome: Outcome) -> Reason:
    builds = situation.catalogue.builds
    if situation.version is None and situation.variant is None:
        kind = KINDS[outcome.target.kind]
        text = tr("PyTorch has no {kind} wheels for {platform} on offer.", kind=kind, platform=situation.platform)
        return Reason(code="accelerator-not-offered", text=text)
    parts = [tr("No build on offer for {platform} matches {pins}", platform=situation.platform, pins=_pins(situation))]
    if situation.version is not None:
        within = [build for build in builds if situation.version.contains(build.title)]
        offered = (
            tr("such releases are offered as {variants}", variants=_variants(within))
            if within
            else tr("on offer are torch {range}", range=_range(builds))
        )
        parts.append(offered)
    if situation.variant is not None:
        same = [build for build in builds if build.variant.name == situation.variant.name]
        name = situation.variant.name
        parts.append(
            tr("{name} is offered for torch {range}", name=name, range=_range(same))
            if same
            else tr("on offer are {variants}", variants=_variants(builds))
        )
    return Reason(code="pin-not-offered", text=tr("{clause}.", clause=tr("; ").join(parts)))


def _variants(builds: Sequence[Build]) -> str:
    variants = sorted({build.variant for build in builds}, key=lambda variant: (variant.kind, variant.version))
    return ", ".join(variant.name for variant in variants)


def _range(builds: Sequence[Build]) -> str:
    """Write the releases of builds that are in order, newest first: `2.6.0 to 2.14.1`."""
    oldest, newest = builds[-1].version, builds[0].version
    return newest if oldest == newest else tr("{oldest} to {newest}", oldest=oldest, newest=newest)


def _pins(situation: Situation) -> str:
    torch = situation.request.torch
    pins = [f"torch.variant: {torch.variant}"] if situation.variant else []
    pins += [f"torch.version: {torch.version}"] if situation.version is not None else []
    return ", ".join(pins)


def _no_offers(situation: Situation) -> str:
    unlabelled = situation.catalogue.unlabelled
    if unlabelled:
        return tr(
            "The sources offer torch {version}, but nothing tells which variant it is.", version=unlabelled[0].version
        )
    return tr("No source offers any torch wheel for {platform}.", platform=situation.platform)
