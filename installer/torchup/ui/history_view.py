"""The journal as a person reads it: `torchup status` and the end of `torchup undo`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from torchup.apply.environment_undo import NAMES_SHOWN
from torchup.apply.status import Status, StepState
from torchup.apply.undo import UndoResult
from torchup.ui.program import callable_here
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
_KEPT_SHOWN = 20
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
    moment = datetime.fromisoformat(status.at).astimezone()
    title = Text.assemble(tr("The last run "), (ended, "bold"), f" ({status.run}, {moment:%Y-%m-%d %H:%M})")
    words = {step.state: tr(_STATES[step.state]) for step in status.steps}
    width = max(map(cell_len, words.values()), default=0) + 2
    lines = []
    for step in status.steps:
        lines.append(f"{set_cell_size(words[step.state], width)}{step.summary}")
        if step.detail and step.state in ("left", "half-done"):
            lines.append(f"{'':{width}}{step.detail}")
    lines.append("")
    if status.can_resume:
        lines.append(tr("torchup resume   goes on with it"))
    if status.can_undo:
        lines.append(tr("torchup undo     puts back what it changed"))
    if status.runs_with_changes:
        lines.append(tr("Other runs have changes too: {runs}", runs=", ".join(status.runs_with_changes)))
    lines.append(tr("journal: {path}", path=status.journal))
    # Paths and commands are there to be copied, so no line is ever broken by us.
    return Group(title, Text(callable_here("\n".join(lines)), no_wrap=True, overflow="ignore"))


def render_undo(result: UndoResult, *, dry_run: bool) -> RenderableType:
    """Show what was taken back, or would be: one line for each step, with every package and folder.

    What is left comes too where it would be left; where it is, the error that follows tells it.
    """
    title = tr("To be taken back of {run}:", run=result.run) if dry_run else tr("Taken back of {run}:", run=result.run)
    lines = [Text(title, style="bold"), *(Text(f"  {line}") for line in result.lines)]
    if not result.lines and not result.left:
        lines.append(Text(tr("  nothing: what it changed is gone already")))
    if dry_run:
        for left in result.left:
            lines.append(Text(tr("  would be left: {text}", text=left.text), style="yellow"))
            # Few have been named by the text already.
            kept = left.kept if len(left.kept) > NAMES_SHOWN else ()
            lines += [Text(f"    {item}") for item in kept[:_KEPT_SHOWN]]
            if len(kept) > _KEPT_SHOWN:
                lines.append(Text(tr("    and {count} more", count=len(kept) - _KEPT_SHOWN)))
    for line in lines:  # paths are there to be copied, so no line is broken by us
        line.no_wrap, line.overflow = True, "ignore"
    return Group(*lines)


def render_earlier_runs(runs: Sequence[str]) -> RenderableType:
    """Say which runs still have changes, and how they go."""
    return Text(
        tr(
            "Earlier runs have changes that are still there: {runs}. Each `torchup undo` takes one back, the newest first.",
            runs=", ".join(runs),
        )
    )
