"""What an answer changes about the decision, in sentences."""

from __future__ import annotations

from torchup.model.resolution import Resolution
from torchup.words import mark, tr

_STATUS = {
    "ok": mark("This can be installed now."),
    "action_needed": mark("Something has to be done before this can be installed."),
    "no_solution": mark("Nothing fits these answers."),
}


def consequences(before: Resolution, after: Resolution) -> tuple[str, ...]:
    """Compare two decisions: what is taken instead of what, with the reason where there is a new one."""
    lines: list[str] = []
    now, then = _torch(after), _torch(before)
    if now != then and after.torch is not None:
        lines.append(_change(now, then, before, after) if before.torch else tr("Now: {now}", now=now))
    if before.driver.action != after.driver.action:
        lines.append(tr("Driver: {now} instead of {then}.", now=after.driver.action, then=before.driver.action))
    if before.cuda_toolkit != after.cuda_toolkit and after.cuda_toolkit.source != "none":
        toolkit = after.cuda_toolkit
        place = tr("at {path}", path=toolkit.path) if toolkit.path else None
        words = [word for word in (toolkit.version, toolkit.source, place) if word]
        lines.append(tr("CUDA toolkit: {toolkit}.", toolkit=" ".join(words)))
    if before.status != after.status:
        lines.append(tr(_STATUS[after.status]))
        lines += [reason.text for reason in after.reasons[:2]] if after.torch is None else []
        lines += [step.text for step in after.next_steps[:2]]
    known = {warning.text for warning in before.warnings}
    lines += [tr("Note: {warning}", warning=warning.text) for warning in after.warnings if warning.text not in known]
    return tuple(lines)


def _torch(resolution: Resolution) -> str:
    pick = resolution.torch
    if pick is None:
        return tr("nothing")
    return tr(
        "PyTorch {version} {variant} on Python {python}",
        version=pick.version,
        variant=pick.variant,
        python=pick.python,
    )


def _change(now: str, then: str, before: Resolution, after: Resolution) -> str:
    known = {reason.text for reason in before.reasons}
    new = next((reason.text for reason in after.reasons if reason.text not in known), None)
    if new is None:
        return tr("{now} instead of {then}.", now=now, then=then)
    return tr("{now} instead of {then}: {reason}", now=now, then=then, reason=new)
