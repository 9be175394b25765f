"""From the GPUs in use to an outcome: one build for all of them, or the sets that one build can serve."""

from __future__ import annotations

from itertools import combinations

from torchup.knowledge.variants import VariantKind
from torchup.model.resolution import DriverDecision, NextStep, Reason
from torchup.resolve.accelerator import Choice
from torchup.resolve.cuda import settle_cuda
from torchup.resolve.devices import Device
from torchup.resolve.gates import Target
from torchup.resolve.refusal import listed
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr

# With more kinds of GPU than this in one machine, only single kinds and all but one are tried.
_MANY_KINDS = 4


def settle(situation: Situation, choice: Choice) -> Outcome:
    """Decide for the chosen GPUs; where no build serves them together, say which sets have one."""
    everything = (*choice.devices, *choice.rivals)
    if choice.problem:
        outcome = _undecided(Target(kind=choice.kind))
        outcome.reasons.append(choice.problem)
        return outcome
    if choice.rivals:
        outcome = _undecided(Target(kind=choice.kind, devices=everything))
    else:
        outcome = _together(situation, choice.kind, choice.devices)
        if outcome.status != "no_solution" or len(_alike(everything)) == 1:
            return outcome
    options = _options(situation, everything)
    if not options:
        return outcome
    outcome.status = "action_needed"
    names = listed([device.title for device in everything])
    text = tr("No single build serves {names} together: choose with gpus.use.", names=names)
    outcome.reasons.append(Reason(code="gpus-need-a-choice", text=text))
    outcome.steps += [_option_step(devices, option) for devices, option in options]
    return outcome


def _together(situation: Situation, kind: VariantKind, devices: tuple[Device, ...]) -> Outcome:
    if kind == "cuda":
        return settle_cuda(situation, devices)
    target = Target(kind=kind, devices=devices)
    unknown = [device for device in devices if kind == "rocm" and device.gfx is None]
    findings = situation.search(target)
    outcome = Outcome(
        status="ok" if findings.best else "no_solution",
        target=target,
        driver=DriverDecision(action="none"),
        findings=findings,
        pick=findings.best,
    )
    if unknown and findings.best and situation.variant is None:
        _ask_for_gfx(outcome, unknown)
    return outcome


def _ask_for_gfx(outcome: Outcome, unknown: list[Device]) -> None:
    names = listed([device.name for device in unknown])
    outcome.status, outcome.pick = "action_needed", None
    text = tr("The gfx target of {names} is not known, so no ROCm build can be chosen for it.", names=names)
    outcome.reasons.append(Reason(code="gfx-unknown", text=text))
    outcome.steps += [
        NextStep(
            text=tr("Load the amdgpu driver and look again; rocminfo names the gfx target too."),
            commands=("sudo modprobe amdgpu", "rocminfo | grep gfx"),
        ),
        NextStep(text=tr("Or choose yourself: torch.variant takes a build such as rocm7.2, or cpu.")),
    ]


def _undecided(target: Target) -> Outcome:
    return Outcome(status="no_solution", target=target, driver=DriverDecision(action="none"))


def _options(situation: Situation, devices: tuple[Device, ...]) -> list[tuple[tuple[Device, ...], Outcome]]:
    """Find the largest sets of GPUs that lead to a build, the ones with the newest torch first."""
    options: list[tuple[tuple[Device, ...], Outcome]] = []
    for subset in _subsets(_alike(devices)):
        if not any(set(subset) <= set(taken) for taken, _ in options):
            outcome = _together(situation, _kind_of(subset), subset)
            if outcome.pick:
                options.append((subset, outcome))
    return sorted(options, key=_appeal)


def _appeal(option: tuple[tuple[Device, ...], Outcome]) -> tuple[object, ...]:
    devices, outcome = option
    release = outcome.pick.build.number.release if outcome.pick else ()
    return (tuple(-number for number in release), outcome.status, -len(devices), devices[0].gpu.index)


def _subsets(groups: list[tuple[Device, ...]]) -> list[tuple[Device, ...]]:
    sizes = range(len(groups) - 1, 0, -1) if len(groups) <= _MANY_KINDS else (len(groups) - 1, 1)
    sets = [sum(chosen, ()) for size in sizes for chosen in combinations(groups, size)]
    return [subset for subset in sets if len({device.gpu.vendor for device in subset}) == 1]


def _alike(devices: tuple[Device, ...]) -> list[tuple[Device, ...]]:
    """Group the GPUs that every gate treats alike."""
    groups: dict[object, list[Device]] = {}
    for device in devices:
        key = (device.gpu.vendor, device.capability, device.gfx, device.architecture, device.modules)
        groups.setdefault(key, []).append(device)
    return [tuple(group) for group in groups.values()]


def _kind_of(devices: tuple[Device, ...]) -> VariantKind:
    kinds: dict[str, VariantKind] = {"nvidia": "cuda", "amd": "rocm", "intel": "xpu"}
    return kinds.get(devices[0].gpu.vendor, "cpu")


def _option_step(devices: tuple[Device, ...], outcome: Outcome) -> NextStep:
    indexes = ", ".join(str(device.gpu.index) for device in devices)
    names = listed([device.title for device in devices])
    pick = outcome.pick.build.title if outcome.pick else tr("nothing")
    change = outcome.driver.action
    after = (
        tr(
            ", after the driver ({change}, branch {branch})",
            change=change,
            branch=outcome.driver.branch or tr("as it is"),
        )
        if change not in ("keep", "none")
        else ""
    )
    setting = f"gpus.use=[{indexes}]"
    return NextStep(
        text=tr(
            "gpus.use: [{indexes}] ({names}) gives torch {pick}{after}.",
            indexes=indexes,
            names=names,
            pick=pick,
            after=after,
        ),
        commands=(f"torchup setup --set '{setting}'",),
        settings=(setting,),
    )
