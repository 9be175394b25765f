"""A run whose start-up files are watched: new shells are compared before and after, and what was left out is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.errors import ExitStatus
from torchup.model.plan import EditManagedBlock, Plan

if TYPE_CHECKING:
    from torchup.apply.result import RunResult
    from torchup.ui.progress import RunProgress


def edit_steps(plan: Plan) -> frozenset[str]:
    """Name the steps that edit start-up files."""
    return frozenset(step.id for step in plan.steps if isinstance(step, EditManagedBlock))


def run_guarded(
    line: CommandLine, plan: Plan, go: Callable[[RunProgress], RunResult], *, may_edit: bool, shell: str | None
) -> ExitStatus:
    """Carry a run out by `go`, and print how it ended.

    With `may_edit` the shells of the plan are started before it. Raises StepError (shells-changed) when they lack
    something afterwards that they had, with everything put back, and what `go` raises.
    """
    from torchup.app.history import result_data
    from torchup.app.shell_guard import ShellGuard, refuse_taken_away
    from torchup.apply.change import LockChange
    from torchup.apply.history import undoable_runs
    from torchup.ui.closing import render_closing
    from torchup.ui.program import program_name
    from torchup.ui.progress import RunProgress

    edits = edit_steps(plan)
    guard = ShellGuard.look(plan.shells if may_edit else None, line.context)
    with RunProgress(line.console) as progress:
        result = go(progress)
    in_part = [*plan.left_out] if result.status == "done" else []
    if any(outcome.status == "changed" and outcome.step_id in edits for outcome in result.outcomes):
        seen = guard.again()
        refuse_taken_away(seen, line)
        # With a tensor test the report has these checks.
        in_part += seen.problems if result.report is None else []
    no_lock = [
        change.problem for change in result.changes.values() if isinstance(change, LockChange) and change.problem
    ]
    for text in (*in_part, *no_lock):
        line.console.warn(text)

    def show() -> None:
        program = program_name(line.context.environ)
        log = line.context.places.log
        earlier = [run.run for run in undoable_runs(line.context) if run.path != result.journal]
        line.console.show(render_closing(result, plan, shell=shell, program=program, log=log, earlier=earlier))

    line.console.answer({"result": result_data(result), "left_out": in_part}, show)
    return ExitStatus.DEGRADED if in_part and result.exit_status == ExitStatus.DONE else result.exit_status
