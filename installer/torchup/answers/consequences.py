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
        lines.append(
            tr("{now} instead of {then}{new_reason}", now=now, then=then, new_reason=_new_reason(before, after))
            if before.torch
            else f"Now: {now}"
        )
    if before.driver.action != after.driver.action:
        lines.append(
            tr("Driver: {action} instead of {action_2}.", action=after.driver.action, action_2=before.driver.action)
        )
    if before.cuda_toolkit != after.cuda_toolkit and after.cuda_toolkit.source != "none":
        toolkit = after.cuda_toolkit
        words = [word for word in (toolkit.version, toolkit.source, toolkit.path and f"at {toolkit.path}") if word]
        lines.append(f"CUDA toolkit: {' '.join(words)}.")
    if before.status != after.status:
        lines.append(_STATUS[after.status])
        lines += [reason.text for reason in after.reasons[:2]] if after.torch is None else []
        lines += [step.text for step in after.next_steps[:2]]
    known = {warning.text for warning in before.warnings}
    lines += [f"Note: {warning.text}" for warning in after.warnings if warning.text not in known]
    return tuple(lines)


def _torch(resolution: Resolution) -> str:
    pick = resolution.torch
    return "nothing" if pick is None else f"PyTorch {pick.version} {pick.variant} on Python {pick.python}"


def _new_reason(before: Resolution, after: Resolution) -> str:
    known = {reason.text for reason in before.reasons}
    new = next((reason.text for reason in after.reasons if reason.text not in known), "")
    return f": {new}" if new else "."
