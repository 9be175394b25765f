"""The journal as a person reads it: `torchup status` and the end of `torchup undo`."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from torchup.apply.status import Status, StepState
from torchup.apply.undo import UndoResult
from torchup.words import mark, tr

_ENDS = {
    None: mark("was cut off"),
    "done": mark("is done"),
    "rolled-back": mark("failed, and everything was put back"),
    "stopped": mark("failed, and some changes remain"),
    "interrupted": mark("was interrupted"),
    "reboot": mark("waits for a restart of the machine"),
    "undone": mark("was undone"),
    "partly-undone": mark("was undone in part"),
}
_STATES: dict[StepState, str] = {
    "done": mark("done"),
    "half-done": mark("half done"),
    "not-reached": mark("not reached"),
    "nothing-to-do": mark("nothing to do"),
    "undone": mark("undone"),
    "left": mark("left"),
}


def render_status(status: Status | None) -> RenderableType:
    """Show the last run, step by step, and what can be done about it."""
    if status is None:
        return Text(tr("torchup has changed nothing on this account: there is no run in its journal."))
    ended = tr(_ENDS[status.ended]) if status.ended in _ENDS else status.ended or ""
    title = Text.assemble(tr("The last run "), (ended, "bold"), f" ({status.at})")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for step in status.steps:
        table.add_row(Text(tr(_STATES[step.state])), Text(step.summary), Text(step.detail, style="dim"))
    hints = []
    if status.can_resume:
        hints.append(tr("torchup resume   goes on with it"))
    if status.can_undo:
        hints.append(tr("torchup undo     puts back what it changed"))
    hints.append(tr("journal: {path}", path=status.journal))
    return Group(title, table, Text(""), Text("\n".join(hints)))


def render_undo(result: UndoResult, *, dry_run: bool) -> RenderableType:
    """Show what was put back, or would be, and what is left."""
    done = [outcome for outcome in result.outcomes if outcome.status == "undone"]
    title = (
        tr("Would be put back, run {run}:", run=result.run) if dry_run else tr("Put back, run {run}:", run=result.run)
    )
    lines = [Text(title, style="bold")]
    lines += [Text(f"  {outcome.detail}") for outcome in done]
    lines += [Text(tr("  left: {text}", text=item.text), style="yellow") for item in result.left]
    return Group(*lines)
