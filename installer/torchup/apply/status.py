"""What the last run did and what is open, from the journal alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torchup.apply.history import RunRecord, last_run, read_runs
from torchup.apply.still_ours import is_removal
from torchup.model.context import Context
from torchup.model.plan import Verify

StepState = Literal["done", "half-done", "not-reached", "nothing-to-do", "undone", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """One step of the last run; `detail` says what was done, or what is left and why."""

    id: str
    summary: str
    state: StepState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The last run. `ended` is None for one that was cut off; `journal` is its file.

    `runs_with_changes` are the other runs whose changes are still there, newest first.
    """

    run: str
    at: str
    ended: str | None
    detail: str
    steps: tuple[StepStatus, ...]
    can_resume: bool
    can_undo: bool
    journal: str
    runs_with_changes: tuple[str, ...] = ()


def read_status(context: Context) -> Status | None:
    """Tell about the last run; None when there was none. Raises RefusedError (journal-unreadable)."""
    run = last_run(context)
    if run is None:
        return None
    return Status(
        run=run.run,
        at=run.at.isoformat(),
        ended=run.status,
        detail=run.ends[-1][1] if run.ends else "",
        steps=tuple(step for number in range(len(run.plan.steps)) if (step := _step(run, number)) is not None),
        can_resume=run.is_open,
        can_undo=run.has_changes,
        journal=str(run.path),
        runs_with_changes=tuple(
            other.run for other in read_runs(context) if other.has_changes and other.run != run.run
        ),
    )


def _step(run: RunRecord, number: int) -> StepStatus | None:
    """Tell about one step; None of a test that was reached, for the journal does not say how it came out."""
    step = run.plan.steps[number]
    record = run.steps.get(step.id)
    if record is None:
        # Steps that find nothing to do are not written down; they were reached if a later one was, or the end.
        later = any(other.id in run.steps for other in run.plan.steps[number + 1 :])
        reached = later or run.status in ("done", "undone", "partly-undone")
        if reached and isinstance(step, Verify):
            return None
        return StepStatus(id=step.id, summary=step.summary, state="nothing-to-do" if reached else "not-reached")
    detail = record.left or (record.outcome.detail if record.outcome is not None else "")
    state: StepState
    if record.left is not None:
        state = "left"
    elif record.undone or (record.settled and not is_removal(step)):
        state = "undone"
    elif record.outcome is None or record.outcome.status == "failed":
        state = "half-done"
    else:
        state = "done"
    return StepStatus(id=step.id, summary=step.summary, state=state, detail=detail)
