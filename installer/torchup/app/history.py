"""`torchup status`, `resume` and `undo`: read and act on the journal."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.app.proof import verifier_for
from torchup.errors import ExitStatus, RefusedError, TorchupError
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.apply.result import RunResult
    from torchup.apply.run import Machine
    from torchup.apply.undo import UndoResult


def run_status(line: CommandLine) -> ExitStatus:
    """Print what the last run did and what is open."""
    from torchup.apply.status import read_status

    status = read_status(line.context)

    def show() -> None:
        from torchup.ui.history_view import render_status

        line.console.show(render_status(status))

    line.console.answer({"run": status}, show)
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


def run_undo(line: CommandLine, *, dry_run: bool, yes: bool) -> ExitStatus:
    """Put back what the last run changed, after a question that shows all that goes and all that stays.

    Raises RefusedError (no-terminal) where nobody can be asked.
    """
    from torchup.app.confirmation import agreed, can_ask
    from torchup.apply.run import Machine, undo_run
    from torchup.ui.history_view import render_undo

    machine = Machine(context=line.context, secrets=_secrets(line), attended=line.context.terminal.stdin_is_terminal)
    if dry_run or not yes:
        foretold = undo_run(machine, dry_run=True)
        if dry_run:
            _show_undo(line, foretold, dry_run=True)
            return ExitStatus.DONE
        if not can_ask(line):
            raise RefusedError(
                tr(
                    "There is no terminal to confirm this on: add --yes to take it back without asking, or --dry-run to see what would go."
                ),
                code="no-terminal",
            )
        line.console.ask_line(render_undo(foretold, dry_run=True))
        if not agreed(line, tr("Take this back?")):
            return ExitStatus.DONE
    result = _undo(line, machine)
    _show_undo(line, result, dry_run=False)
    result.raise_if_left()
    return ExitStatus.DONE


def _undo(line: CommandLine, machine: Machine) -> UndoResult:
    from torchup.apply.events import Event, UndoFinished
    from torchup.apply.run import undo_run
    from torchup.ui.progress import RunProgress

    with RunProgress(line.console) as progress:

        def watch(event: Event) -> None:
            if not isinstance(event, UndoFinished):  # each step is told once, at the end
                progress(event)

        return undo_run(machine, on_event=watch)


def _show_undo(line: CommandLine, result: UndoResult, *, dry_run: bool) -> None:
    from torchup.app.kept_downloads import kept_downloads
    from torchup.apply.history import undoable_runs
    from torchup.ui.history_view import render_earlier_runs, render_undo

    more = tuple(run.run for run in undoable_runs(line.context) if run.run != result.run)

    def show() -> None:
        line.console.show(render_undo(result, dry_run=dry_run))
        if more:
            line.console.show(render_earlier_runs(more))
        if not dry_run and (kept := kept_downloads(line.context)):
            line.console.say(kept)

    line.console.answer({"dry_run": dry_run, "undo": result, "runs_with_changes": more}, show)


def _secrets(line: CommandLine) -> dict[str, str]:
    """Give the logins of the configured indexes: a version that is put back comes from there."""
    from torchup.plan.secrets import secret_environment
    from torchup.resolve.offers.settings import read_settings

    try:
        return dict(secret_environment(read_settings(line.context.environ, line.context.home)))
    except TorchupError as error:
        line.console.warn(error.message)
        return {}


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
