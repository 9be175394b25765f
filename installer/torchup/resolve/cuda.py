"""NVIDIA: what can be had with the driver that is there, else with one that could be, else with fewer GPUs."""

from __future__ import annotations

from dataclasses import replace

from torchup.knowledge import drivers
from torchup.model.resolution import DriverDecision, Reason
from torchup.resolve.candidates import Findings
from torchup.resolve.devices import Device
from torchup.resolve.driver_outlook import Outlook, driver_trouble, outlook
from torchup.resolve.driver_service import driver_view
from torchup.resolve.gates import Target, cuda_target
from torchup.resolve.host_advice import driver_owner
from torchup.resolve.refusal import Refusal, sentence
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr

_DRIVER_GATES = ("driver-too-old", "ptx-needs-newer-driver")


def settle_cuda(situation: Situation, devices: tuple[Device, ...]) -> Outcome:
    """Decide for these NVIDIA GPUs together, without leaving one out."""
    facts, wish = situation.facts, situation.request.driver
    trouble = driver_trouble(facts, devices) if devices else None
    now = cuda_target(devices, driver_view(facts))
    findings = Findings()
    if trouble is None:
        findings = situation.search(now)
        if findings.best and not _other_branch_wished(situation):
            return Outcome(status="ok", target=now, driver=_kept(now), findings=findings, pick=findings.best)
        if findings.best:
            trouble = _wished_change(situation)
        else:
            otherwise = situation.search_all(replace(now, driver=None))
            trouble = _too_old(now, findings, otherwise)
            if trouble is None:
                findings = findings if otherwise.best else otherwise
                return Outcome(status="no_solution", target=now, driver=_kept(now), findings=findings)
    ahead = outlook(facts, devices, wish, trouble)
    if isinstance(ahead, Refusal):
        blocked = Reason(code=ahead.code, text=sentence(ahead.text))
        reasons = [blocked] if blocked.text == trouble.text else [trouble, blocked]
        return Outcome(status="no_solution", target=now, driver=_kept(now), findings=findings, reasons=reasons)
    return _after(situation, now, findings, ahead)


def _after(situation: Situation, now: Target, findings: Findings, ahead: Outlook) -> Outcome:
    """Search again with the driver that would be there, and say what leads to it."""
    later = replace(now, driver=ahead.after)
    found = situation.search(later) if ahead.after else Findings()
    if situation.request.driver.action == "keep" and ahead.decision.action in ("install", "upgrade"):
        reason = Reason(
            code="driver-kept", text=tr("{reason} driver.action: keep leaves it so.", reason=ahead.reason.text)
        )
        return Outcome(status="no_solution", target=now, driver=_kept(now), findings=findings, reasons=[reason])
    if found.best is None and ahead.after is not None:
        otherwise = situation.search_all(replace(now, driver=None))
        found = found if otherwise.best else otherwise
        return Outcome(status="no_solution", target=later, driver=_kept(now), findings=found, reasons=[ahead.reason])
    return Outcome(
        status="action_needed",
        target=later,
        driver=ahead.decision,
        findings=found,
        pick=found.best,
        reasons=[ahead.reason],
        steps=list(ahead.steps),
    )


def _too_old(target: Target, findings: Findings, otherwise: Findings) -> Reason | None:
    """Say that the driver is too old, when a newer one is all that builds which fit `otherwise` ask for."""
    fitting = {found.build for found in otherwise.passed}
    gates = [(build, refusal) for build, refusal in findings.refused if refusal.code in _DRIVER_GATES]
    refused = [(build, refusal) for build, refusal in gates if build in fitting]
    if not refused or target.driver is None:
        return None
    lowest, refusal = min(refused, key=lambda entry: entry[0].variant.version)
    text = tr(
        "The driver {driver} is too old for every build that fits otherwise: torch {title} {why}.",
        driver=target.driver.text,
        title=lowest.title,
        why=refusal.text,
    )
    return Reason(code="driver-too-old", text=text)


def _other_branch_wished(situation: Situation) -> bool:
    wish = situation.request.driver
    view = driver_view(situation.facts)
    if wish.action != "install" or wish.branch == "auto" or driver_owner(situation.facts):
        return False
    found = drivers.branch_of(view.version) if view and view.version else None
    return found is None or str(found.branch) != wish.branch


def _wished_change(situation: Situation) -> Reason:
    view = driver_view(situation.facts)
    text = tr(
        "driver.branch asks for {branch}; installed is {installed}.",
        branch=situation.request.driver.branch,
        installed=view.text if view else tr("none"),
    )
    return Reason(code="driver-branch-wished", text=text)


def _kept(target: Target) -> DriverDecision:
    if target.driver is None:
        return DriverDecision(action="none")
    return DriverDecision(action="keep", installed=target.driver.text if target.driver.version else None)
