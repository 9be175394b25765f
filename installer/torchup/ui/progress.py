"""A run as it goes on: a moving line on a terminal, one line per step elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from torchup.apply.events import (
    Downloading,
    Event,
    KeyPassword,
    LockWait,
    StepFinished,
    StepOutput,
    StepStarted,
    Stopping,
    UndoFinished,
    UndoStarted,
    Verified,
)
from torchup.model.outcome import Report, StepStatus, Verdict
from torchup.model.plan import Verify
from torchup.ui.console import Console
from torchup.ui.pace import Pace
from torchup.words import mark, tr

LINE_SECONDS = 30.0
MARKS: dict[StepStatus, tuple[str, str, str]] = {
    "changed": ("✓", mark("ok"), "green"),
    "unchanged": ("=", "=", "dim"),
    "skipped": ("-", "-", "dim"),
    "failed": ("✗", mark("FAILED"), "bold red"),
    "undone": ("↶", mark("undone"), "yellow"),
}
_TESTED: dict[Verdict, str] = {
    "pass": mark("The tensor test passed"),
    "degraded": mark("The tensor test passed, with warnings"),
    "fail": mark("The tensor test failed"),
    "not-run": mark("The tensor test did not run"),
}


class RunProgress:
    """Shows the events of a run on standard error; use it as a context manager around the run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = not console.terminal.encoding.startswith("utf")
        moves = console.terminal.stderr_is_terminal and not console.terminal.plain and not console.quiet
        self._progress = (
            Progress(
                SpinnerColumn(style="cyan", spinner_name="line" if self._ascii else "dots"),
                # No markup: what stands in brackets in a requirement or in a program's output is no style.
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                TextColumn("{task.fields[last]}", style="dim", markup=False),
                console=console.live(),
                transient=True,
            )
            if moves
            else None
        )
        self._lines_at = 0.0
        self._pace = Pace()
        self._task = self._progress.add_task("", last="", visible=False) if self._progress else None

    def __enter__(self) -> RunProgress:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StepStarted(step=step, number=number, total=total):
                self._begin(f"[{number}/{total}] {step.summary}")
            case StepOutput(line=line):
                self._last(line)
            case Verified(report=report):
                self._tested(report)
            case StepFinished(step=Verify()):
                pass
            case StepFinished(step=step, outcome=outcome):
                self._line(outcome.status, step.summary, outcome.detail, outcome.seconds)
            case Downloading(received=received, total=total):
                self._downloading(received, total)
            case LockWait():
                self._waiting(event)
            case Stopping(program=program, finishes=finishes):
                self._stopping(program, finishes=finishes)
            case KeyPassword(password=password):
                self._password(password)
            case UndoStarted(step=step):
                self._begin(tr("Putting back: {summary}", summary=step.summary))
            case UndoFinished(step=step, left=left):
                self._line("undone" if left is None else "failed", step.summary, left or "", 0.0)

    def _tested(self, report: Report) -> None:
        passed = report.verdict in ("pass", "degraded")
        sign, style = self._sign("changed" if passed else "failed")
        seconds = sum(check.seconds for check in report.checks)
        text = Text.assemble((sign, style), " ", tr(_TESTED[report.verdict]))
        self._print(text.append(tr(" ({seconds:.0f} s of tests)", seconds=seconds), style="dim"))

    def _downloading(self, received: int, total: int) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, last=self._pace.text(received, total, at=time.monotonic()))

    def _waiting(self, wait: LockWait) -> None:
        """Show who is waited for: with a running time on a terminal, as a line now and then elsewhere."""
        text = tr("Waiting for the package lock, held by {holder}", holder=wait.holder)
        if self._progress and self._task is not None:
            self._progress.update(self._task, last=f"{text}: {wait.seconds:.0f} s")
        if wait.seconds == 0 or (not self._progress and wait.seconds >= self._lines_at):
            self._lines_at = wait.seconds + LINE_SECONDS
            so_far = tr("{text} ({seconds:.0f} s so far)", text=text, seconds=wait.seconds)
            self._print(Text(so_far if wait.seconds else f"{text} ..."))

    def _stopping(self, program: str, *, finishes: bool) -> None:
        name = program.rpartition("/")[2]
        text = (
            tr(
                "Stopping: {program} finishes its work first, so that it leaves nothing half done. "
                "Ctrl-C once more stops at once.",
                program=name,
            )
            if finishes
            else tr("Stopping: one moment. Ctrl-C once more stops at once.")
        )
        self._print(Text(text, style="yellow"))

    def _password(self, password: str) -> None:
        """Show the password whatever else is quiet: without it the next start is stuck at a question."""
        lines = tr(
            "At the next start a blue screen asks about the new key for about 10 seconds. Press a key, choose\n"
            "Enroll MOK, Continue and Yes, and type this password, which is kept nowhere: {password}",
            password=password,
        )
        if self._progress:
            self._progress.console.print(Text(lines))
            return
        # Standard error may be a log file. The terminal itself is there: without one no key is enrolled.
        with Path("/dev/tty").open("w") as terminal:
            terminal.write(f"{lines}\n")

    def _begin(self, what: str) -> None:
        self._pace = Pace()
        if self._progress and self._task is not None:
            self._progress.reset(self._task, description=what, last="", visible=True)
        elif self._console.verbose:
            self._console.say(Text(what))

    def _last(self, line: str) -> None:
        if self._console.verbose > 1:
            self._print(Text(f"    {line}", style="dim"))
        elif self._progress and self._task is not None:
            self._progress.update(self._task, last=line.strip()[: max(0, self._console.terminal.columns - 60)])

    def _line(self, status: StepStatus, summary: str, detail: str, seconds: float) -> None:
        if status in ("unchanged", "skipped") and not self._console.verbose:
            return
        text = Text.assemble(self._sign(status), " ", summary)
        if detail and (status == "failed" or self._console.verbose):
            text.append(f": {detail}", style="dim")
        if seconds >= 1:
            text.append(f" ({seconds:.0f} s)", style="dim")
        self._print(text)

    def _sign(self, status: StepStatus) -> tuple[str, str]:
        sign, word, style = MARKS[status]
        return (tr(word) if self._ascii else sign), style

    def _print(self, text: Text) -> None:
        if self._console.quiet:
            return
        if self._progress:
            self._progress.console.print(text)
        else:
            self._console.say(text)
