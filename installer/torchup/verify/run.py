"""Run the tensor test in the interpreter under test and bring back its report."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

from torchup.apply.distributions import leads_nowhere
from torchup.children import NEUTRAL_FOLDER
from torchup.errors import UsageError
from torchup.model.facts import MachineFacts
from torchup.model.outcome import Check, CheckStatus, Report
from torchup.model.request import VerifyLevel
from torchup.model.serial import ShapeError, load
from torchup.ownership import refuse_foreign_program
from torchup.private_folders import temporary_folder, temporary_in
from torchup.verify.causes import explain, known_causes
from torchup.verify.probe_archive import archive_file
from torchup.verify.verdict import verdict_of
from torchup.words import mark, tr

# The probe keeps its own limit per check; these are for a probe that is itself stuck.
TOTAL_SECONDS: Mapping[VerifyLevel, float] = {"quick": 1200.0, "standard": 3600.0, "full": 10800.0}
_SHOWN_CHARACTERS = 600
_GRACE_SECONDS = 5.0

SIGNAL_CAUSES = {
    "SIGILL": "cpu-without-avx",
    "SIGBUS": "shm-too-small",
    "SIGKILL": "killed-out-of-memory",
    "SIGSEGV": "native-crash",
    "SIGABRT": "native-crash",
    "SIGFPE": "native-crash",
}
# How Windows reports the same: NTSTATUS values.
_WINDOWS_DEATHS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV", 0xC0000409: "SIGABRT"}


def verify(
    *,
    python: str,
    level: VerifyLevel,
    expected_version: str | None,
    expected_variant: str | None,
    environ: Mapping[str, str],
    gpu_expected: bool,
    on_progress: Callable[[Check], None] | None = None,
    device: str | None = None,
    timeout_scale: float = 1.0,
    total_seconds: float | None = None,
    scrub: bool = True,
    only: tuple[str, ...] = (),
) -> Report:
    """Test torch as `python` imports it under `environ`, and judge it.

    `expected_version` and `expected_variant` are those of the plan; `gpu_expected` says that a result on
    the CPU is not good enough. `on_progress` gets every check when it is done. Nothing is isolated: the
    user's PYTHONPATH and user packages count, because they will count when the user runs torch. Without
    `scrub` the probe keeps paths and names as they are; `only` names the checks to run.

    Whatever goes wrong inside becomes a check of the report. Raises UsageError when `python` cannot be
    started at all, and RefusedError foreign-program where root should believe another user's.
    """
    refuse_foreign_program(python, command="torchup verify")
    limit = (total_seconds or TOTAL_SECONDS[level]) * timeout_scale
    checks: list[Check] = []
    report: Report | None = None
    with archive_file() as archive:
        command = probe_command(
            python,
            archive,
            level=level,
            expected_version=expected_version,
            expected_variant=expected_variant,
            gpu_expected=gpu_expected,
            device=device,
            timeout_scale=timeout_scale,
            scrub=scrub,
            only=only,
        )
        # What the test leaves when it is killed is swept by the next run.
        with temporary_folder() as folder, _Probe(command, {**environ, **temporary_in(folder)}) as probe:
            for line in probe.lines(limit):
                found = parse_line(line)
                if isinstance(found, Report):
                    report = found
                elif found is not None:
                    checks.append(found)
                    if on_progress:
                        on_progress(found)
            problem = None if report else probe.why_no_report(limit, checks)
    if report is None:
        report = Report(python=python, level=level, checks=tuple(checks), verdict="not-run")
    if problem is not None:
        report = replace(report, checks=(*report.checks, problem))
        if on_progress:
            on_progress(problem)
    return complete(replace(report, python=python))


def complete(report: Report, facts: MachineFacts | None = None) -> Report:
    """Judge a report and put the causes that its checks name beside them, with the fixes for this machine."""
    known = known_causes()
    named = {check.hint for check in report.checks if check.hint in known and check.status != "pass"}
    causes = explain(sorted(filter(None, named)), facts, report.python)
    environment = {**report.environment, "causes": causes}
    return replace(report, environment=environment, verdict=verdict_of(report.checks))


def probe_command(
    python: str,
    archive: Path,
    *,
    level: VerifyLevel,
    expected_version: str | None = None,
    expected_variant: str | None = None,
    gpu_expected: bool | None = None,
    device: str | None = None,
    timeout_scale: float = 1.0,
    output: str = "--json-lines",
    scrub: bool = True,
    only: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Give the command that runs the archive of the tensor test; a person may run the same by hand."""
    options = [
        ("--expect-version", expected_version),
        ("--expect-variant", expected_variant),
        ("--gpu-expected", None if gpu_expected is None else "yes" if gpu_expected else "no"),
        ("--device", device),
        ("--timeout-scale", None if timeout_scale == 1 else f"{timeout_scale:g}"),
    ]
    chosen = [part for name, value in options if value is not None for part in (name, value)]
    chosen += [part for name in only for part in ("--only", name)] + ([] if scrub else ["--no-scrub"])
    return (python, str(archive), "--level", level, output, *chosen)


def parse_line(line: str) -> Check | Report | None:
    """Read one line of the probe; None for what something else has printed."""
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    try:
        if data.keys() == {"check"}:
            return load(Check, data["check"])
        if data.keys() == {"report"}:
            return load(Report, data["report"])
    except ShapeError as error:
        return Check(
            id="probe", status="error", detail=tr("an answer cannot be read: {error}", error=error), hint="probe-died"
        )
    return None


class _Probe:
    """The probe's process: started on entry, ended with all it started on exit."""

    def __init__(self, command: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = dict(environ)
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._timed_out = False

    def __enter__(self) -> _Probe:
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=NEUTRAL_FOLDER,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                errors="replace",
                # An interrupt at the terminal reaches torchup, which then ends the probe in order.
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            self._errors.close()
            lost = leads_nowhere(Path(self._command[0]))
            hint = (
                mark(
                    "The environment has lost its Python, as after an upgrade of the system; torchup doctor says what to do."
                )
                if lost
                else mark("Name a working interpreter with --python.")
            )
            raise UsageError(
                tr("{program} cannot be started.", program=self._command[0]),
                code="python-not-startable",
                evidence=[lost or str(error)],
                hint=tr(hint),
            ) from error
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        threading.Thread(target=_pump, args=(self._process.stdout, self._queue), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._end()
        self._process.wait()
        self._errors.close()

    def _end(self) -> None:
        """End the probe as Ctrl-C does, so that it ends its workers with all they started; then by force."""
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_GRACE_SECONDS)
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        # A worker that is left lives in a session of its own, and leaves when its input ends.
        self._process.kill()

    def lines(self, seconds: float) -> Iterator[str]:
        """Give the lines as they come, until the end or the time limit."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._queue.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                self._timed_out = True
                return
            if line is None:
                return
            yield line

    def why_no_report(self, limit: float, checks: list[Check]) -> Check:
        """Say how the probe ended without a report, and after which check."""
        where = tr(", after the check {check}", check=checks[-1].id) if checks else ""
        if self._timed_out:
            return _problem(
                "timeout",
                tr("the tensor test did not end within {limit:g} s{where}", limit=limit, where=where),
                "check-hung",
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        if "SyntaxError" in said or "needs Python 3.9" in said:
            return _problem(
                "error", tr("{program} is older than Python 3.9", program=self._command[0]), "python-too-old-for-probe"
            )
        how, cause = how_it_ended(self._process.wait())
        detail = tr("the tensor test {how} and gave no report{where}", how=how, where=where)
        if said:
            detail += f": {said[-_SHOWN_CHARACTERS:]}"
        return _problem("fail" if cause else "error", detail, cause or "probe-died")


def how_it_ended(status: int) -> tuple[str, str | None]:
    """Name how a process ended in words, by its signal where one ended it, and the cause that the signal stands for."""
    name = _WINDOWS_DEATHS.get(status & 0xFFFFFFFF)
    try:
        name = signal.Signals(-status).name if status < 0 and name is None else name
    except ValueError:
        name = f"signal {-status}"
    if name is None:
        return tr("ended with status {status}", status=status), None
    return tr("was ended by {name}", name=name), SIGNAL_CAUSES.get(name)


def _pump(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    stream.close()
    lines.put(None)


def _problem(status: CheckStatus, detail: str, hint: str) -> Check:
    return Check(id="probe", status=status, detail=detail, hint=hint)
