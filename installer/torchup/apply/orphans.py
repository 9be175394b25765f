"""Programs that outlived the run that started them: a run that was killed cannot stop its children."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.private_files import replace_private
from torchup.errors import RefusedError
from torchup.words import tr

_PATIENCE_SECONDS = 10.0
_STARTED_FIELD = 19
"""The start time is field 22 of /proc/PID/stat, and the 20th behind the program's name."""


@dataclass(frozen=True, slots=True)
class ChildNote:
    """A file that names the program which is running now, so that a later run can end it."""

    path: Path

    @contextmanager
    def kept(self) -> Iterator[ChildNote]:
        """Remove the note when the program has ended."""
        try:
            yield self
        finally:
            self.path.unlink(missing_ok=True)

    def write(self, pid: int) -> None:
        """Name the leader of the process group."""
        replace_private(self.path, json.dumps({"pid": pid, "started": _start_time(pid)}).encode())

    def end_orphan(self) -> None:
        """End the program that an earlier, killed run left behind, with its whole group.

        Raises RefusedError with code another-run when it does not end or belongs to root.
        """
        try:
            note = json.loads(self.path.read_text())
            pid, started = int(note["pid"]), note["started"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if started is not None and _start_time(pid) == started:
            _end_group(pid, started)
        self.path.unlink(missing_ok=True)


def _end_group(pid: int, started: str) -> None:
    begun = time.monotonic()
    try:
        os.killpg(pid, signal.SIGTERM)
        while _start_time(pid) == started and time.monotonic() - begun < _PATIENCE_SECONDS:
            time.sleep(0.05)
        if _start_time(pid) == started:
            os.killpg(pid, signal.SIGKILL)
            time.sleep(0.2)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise RefusedError(
            tr("Process {pid}, which an earlier run of torchup started as root, is still at work.", pid=pid),
            code="another-run",
            hint=tr("Wait until it has ended, then run again."),
        ) from error


def _start_time(pid: int) -> str | None:
    """Read when a process started, in ticks since the machine did; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[_STARTED_FIELD]
