"""The step that makes a symbolic link: what it is about to do, and taking it back."""

from __future__ import annotations

from torchup.apply.change import Left, LinkChange, NoChange, Prepared
from torchup.apply.system import System
from torchup.errors import StepError
from torchup.model.plan import MakeLink
from torchup.words import tr


def prepare_link(step: MakeLink, system: System) -> Prepared:
    """See whether the link is there; raises StepError (not-a-link) for anything else at its place."""
    found = system.link_target(step.path)
    if found == step.target:
        return Prepared(change=NoChange(), detail=tr("{path} is there", path=step.path))
    if found is not None or system.look(step.path).kind != "absent":
        raise StepError(
            tr("{path} is no link, and is to lead to {target}.", path=step.path, target=step.target)
            if found is None
            else tr(
                "{path} leads to {found}, and is to lead to {target}.", path=step.path, found=found, target=step.target
            ),
            code="not-a-link",
            hint=tr("Move it away, or leave it if somebody needs it, and choose another place."),
        )
    return Prepared(
        change=LinkChange(path=step.path, target=step.target),
        detail=tr("{path} leads to {target}", path=step.path, target=step.target),
    )


def revert_link(change: LinkChange, system: System) -> Left | None:
    """Remove the link, unless it leads somewhere else by now."""
    now = system.link_target(change.path)
    if now == change.target:
        system.remove_link(change.path)
    elif now is not None:
        return Left(text=tr("{path} leads to {now} by now, and was left as it is.", path=change.path, now=now))
    return None
