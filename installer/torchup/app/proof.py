"""`torchup verify`, and the tensor test as the last step of a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.errors import ExitStatus
from torchup.model.context import Context
from torchup.model.outcome import Check, Report
from torchup.model.plan import CreateEnvironment, InstallPackages, ShellProof, Verify
from torchup.model.request import VerifyLevel

_USUAL = (".profile", ".bash_profile", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".tcshrc", ".cshrc")


def run_verify(line: CommandLine, *, python: str | None, level: VerifyLevel) -> ExitStatus:
    """Test PyTorch as the chosen interpreter imports it, and print the report."""
    from torchup.detect.collect import detect
    from torchup.verify.interpreter import choose_interpreter
    from torchup.verify.run import verify
    from torchup.verify.verdict import exit_status

    context = line.context
    planned = planned_verify(line)
    choice = choose_interpreter(
        asked=python,
        set_up=planned.python if planned else None,
        environ=context.environ,
        home=context.home,
        cwd=context.cwd,
        system="windows" if os.name == "nt" else "linux",
        exists=Path.exists,
        which=lambda name: shutil.which(name, path=context.environ.get("PATH")),
    )
    same = planned is not None and Path(planned.python) == Path(choice.python)
    line.console.say(f"Testing {choice.python} ({choice.source}), level {level}.")
    gpu_expected = bool(detect(context).gpus)
    with _progress(line) as show:
        report = verify(
            python=choice.python,
            level=level,
            expected_version=planned.expected_version if planned and same else None,
            expected_variant=planned.expected_variant if planned and same else None,
            environ={**context.environ},
            gpu_expected=gpu_expected and not (same and planned is not None and planned.expected_variant == "cpu"),
            on_progress=show,
        )
    show_report(line, report)
    return exit_status(report.verdict)


def verifier_for(line: CommandLine, on_progress: Callable[[Check], None] | None = None) -> Callable[[Verify], Report]:
    """Give what the executor calls for a `Verify` step."""
    from torchup.verify.run import complete, verify

    def run(step: Verify) -> Report:
        report = verify(
            python=step.python,
            level=step.level,
            expected_version=step.expected_version,
            expected_variant=step.expected_variant,
            environ={**line.context.environ},
            gpu_expected=step.expected_variant != "cpu",
            on_progress=on_progress,
        )
        checks = shell_checks(step.shells, line.context, step.python)
        return complete(replace(report, checks=(*report.checks, *checks)))

    return run


def shell_checks(proof: ShellProof | None, context: Context, python: str | None = None) -> tuple[Check, ...]:
    """Start the shells that were configured and compare what they know with what they should.

    The toolkit that they name is looked at too, and what LD_LIBRARY_PATH changes for the torch of `python`.
    """
    from torchup.app.shell_findings import in_files, where_set
    from torchup.app.shell_guard import ShellGuard
    from torchup.verify.library_path import check_library_path
    from torchup.verify.toolkit import check_toolkit

    seen = ShellGuard.look(proof, context, before=False).again()
    checks = [*seen.checks]
    if proof is not None and proof.cuda_home is not None:
        checks.append(check_toolkit(proof.cuda_home))
    value = context.environ.get("LD_LIBRARY_PATH") or seen.library_path
    if value and python is not None and Path(python).exists():
        files = [str(context.home / name) for name in _USUAL] + [file.path for file in (proof.files if proof else ())]
        where = where_set("LD_LIBRARY_PATH", in_files(files))
        checks.append(check_library_path(python, value, environ=context.environ, where=where))
    return tuple(checks)


def planned_verify(line: CommandLine) -> Verify | None:
    """Find what the last run whose changes are still there was to verify."""
    from torchup.apply.history import read_runs

    for run in read_runs(line.context):
        made = any(isinstance(step, CreateEnvironment | InstallPackages) for step in run.plan.steps)
        steps = [step for step in run.plan.steps if isinstance(step, Verify)]
        if run.has_changes and made and steps:
            return steps[-1]
    return None


def show_report(line: CommandLine, report: Report) -> None:
    """Print a report as JSON or for a person."""
    if line.console.json_output:
        line.console.data(report)
        return
    from torchup.ui.report_view import render

    line.console.show(render(report))


class _progress:  # noqa: N801 - used like a function
    """Show each check as it ends: on a moving line on a terminal, not at all elsewhere."""

    def __init__(self, line: CommandLine) -> None:
        self._console = line.console
        terminal = line.console.terminal
        self._moves = terminal.stderr_is_terminal and not terminal.plain and not line.console.quiet

    def __enter__(self) -> Callable[[Check], None]:
        self._status = self._console.live().status("Starting ...") if self._moves else None
        if self._status:
            self._status.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def _show(self, check: Check) -> None:
        if self._status:
            self._status.update(f"{check.id}: {check.status}")
        elif self._console.verbose:
            self._console.say(f"{check.id}: {check.status}")
