"""`torchup status`, `resume` and `undo`: read and act on the journal."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.app.proof import verifier_for
from torchup.errors import ExitStatus

if TYPE_CHECKING:
    from torchup.apply.result import RunResult


def run_status(line: CommandLine) -> ExitStatus:
    """Print what the last run did and what is open."""
    from torchup.apply.status import read_status

    status = read_status(line.context)
    if line.console.json_output:
        line.console.data({"schema": 1, "run": status})
    else:
        from torchup.ui.history_view import render_status

        line.console.show(render_status(status))
    return ExitStatus.DONE


def run_resume(line: CommandLine) -> ExitStatus:
    """Go on with the run that was stopped, and end as `setup` would have ended."""
    from torchup.app.driver import driver_checker_for
    from torchup.app.guarded_run import edit_steps, run_guarded
    from torchup.apply.run import Machine, open_run, resume_run
    from torchup.plan.secrets import secret_environment
    from torchup.resolve.offers.settings import read_settings

    run = open_run(line.context)
    settings = read_settings(line.context.environ, line.context.home)
    machine = Machine(
        context=line.context,
        secrets=secret_environment(settings),
        attended=line.context.terminal.stdin_is_terminal,
        web=lambda: settings,
    )
    return run_guarded(
        line,
        run.plan,
        lambda progress: resume_run(
            machine,
            verifier=verifier_for(line),
            on_event=progress,
            driver_checker=driver_checker_for(line.context),
        ),
        may_edit=any(not run.is_done(step_id) for step_id in edit_steps(run.plan)),
        shell=PurePath(line.context.environ.get("SHELL", "")).name or None,
    )


def run_undo(line: CommandLine, *, dry_run: bool) -> ExitStatus:
    """Put back what the last run changed."""
    from torchup.apply.run import Machine, undo_run
    from torchup.ui.history_view import render_undo
    from torchup.ui.progress import RunProgress

    machine = Machine(context=line.context, attended=line.context.terminal.stdin_is_terminal)
    with RunProgress(line.console) as progress:
        result = undo_run(machine, dry_run=dry_run, on_event=progress)
    if line.console.json_output:
        line.console.data({"schema": 1, "dry_run": dry_run, "undo": result})
    else:
        line.console.show(render_undo(result, dry_run=dry_run))
    result.raise_if_left()
    return ExitStatus.DONE


def result_data(result: RunResult) -> dict[str, object]:
    """Give a run's result as plain data: the outcomes, the report, the journal's place."""
    from torchup.model.serial import dump

    return {
        "status": result.status,
        "changed": result.changed,
        "exit_status": int(result.exit_status),
        "outcomes": dump(result.outcomes),
        "report": dump(result.report),
        "journal": str(result.journal) if result.journal else None,
    }
