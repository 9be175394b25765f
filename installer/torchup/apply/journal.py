"""The journal: one file of JSON lines per run, numbered, each line brought to the disk before the work goes on.

The first line is the head with the whole plan; then `started` before and `finished` after each step,
`undone` for what was put back, `settled` for what a later removal took out, and `end` lines. Any line can be the last one: the process may be killed
at any moment, and the last line may be torn.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from torchup.apply.backups import Backups
from torchup.apply.change import Change
from torchup.apply.journal_files import SUFFIX, journal_files, next_number, run_name
from torchup.apply.os_calls import CLOEXEC, REAL_CALLS, OsCalls, write_all
from torchup.apply.private_files import drop, give_name, write_beside
from torchup.apply.write_errors import explain
from torchup.model.context import Context
from torchup.model.outcome import Outcome
from torchup.model.plan import Plan
from torchup.model.serial import dump
from torchup.private_folders import make_private_folder

SCHEMA = 1

EndStatus = Literal["done", "rolled-back", "stopped", "interrupted", "reboot", "undone", "partly-undone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The journal of one run, open for appending. Raises StepError when a line cannot be written."""

    path: Path
    backups: Backups
    run: str
    calls: OsCalls = REAL_CALLS

    @classmethod
    def create(cls, context: Context, plan: Plan, calls: OsCalls = REAL_CALLS) -> Journal:
        """Begin a run: give it the next number, and its file with the head.

        The file gets its name when the head is whole and on the disk, so that there is never a journal without
        one, and a number that somebody takes at the same moment is left to them.
        """
        now = context.now().astimezone(UTC)
        folder = context.places.journal
        try:
            make_private_folder(context.places.state)
            make_private_folder(folder)
            while True:
                run = run_name(next_number(journal_files(folder)))
                path = folder / f"{run}{SUFFIX}"
                head = _line("head", now, run=run, plan=dump(plan), home=str(context.home))
                temporary = write_beside(path, head, calls)
                try:
                    give_name(temporary, path, calls)
                except FileExistsError:
                    continue
                finally:
                    drop(temporary, calls)
                break
        except OSError as error:
            raise explain(error, str(folder)) from error
        try:
            _sync(folder, calls)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return cls(path=path, backups=Backups(context.places.backups, calls), run=run, calls=calls)

    @classmethod
    def reopen(cls, context: Context, path: Path) -> Journal:
        """Go on with a run; a torn last line is cut off first."""
        try:
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(path, len(whole))
        except OSError as error:
            raise explain(error, str(path)) from error
        return cls(path=path, backups=Backups(context.places.backups), run=path.stem)

    def started(self, step_id: str, change: Change, *, at: datetime) -> None:
        """Note what a step is about to do and what was there before."""
        self.write("started", at, step=step_id, change=dump(change))

    def finished(self, step_id: str, outcome: Outcome, change: Change, *, at: datetime) -> None:
        """Note how a step ended and what is there now."""
        self.write("finished", at, step=step_id, outcome=dump(outcome), change=dump(change))

    def undone(self, step_id: str, *, at: datetime, left: str | None = None) -> None:
        """Note that a step's changes were put back, or what of them is left and why."""
        self.write("undone", at, step=step_id, left=left)

    def settled(self, step_id: str, *, at: datetime) -> None:
        """Note that what a step changed was taken out by a later removal, so that it needs no undo any more."""
        self.write("settled", at, step=step_id)

    def end(self, status: EndStatus, *, at: datetime, detail: str = "") -> None:
        """Note how the run, its resumption or its undo ended."""
        self.write("end", at, status=status, detail=detail)

    def write(self, record: str, at: datetime, **values: Any) -> None:
        """Append one line and bring it to the disk."""
        line = _line(record, at, **values)
        try:
            fd = self.calls.open(str(self.path), os.O_WRONLY | os.O_APPEND | CLOEXEC)
            try:
                size = os.fstat(fd).st_size
                try:
                    write_all(self.calls, fd, line)
                    self.calls.fsync(fd)
                except OSError:
                    # A half line is cut off again: behind it the next one could not be read.
                    with suppress(OSError):
                        self.calls.ftruncate(fd, size)
                    raise
            finally:
                # By now the line is on the disk, or the error is known.
                with suppress(OSError):
                    self.calls.close(fd)
        except OSError as error:
            raise explain(error, str(self.path)) from error


def _line(record: str, at: datetime, **values: Any) -> bytes:
    return json.dumps({"schema": SCHEMA, "record": record, "at": at.isoformat(), **values}).encode() + b"\n"


def _sync(folder: Path, calls: OsCalls) -> None:
    if os.name == "nt":
        return
    try:
        fd = calls.open(str(folder), os.O_RDONLY | CLOEXEC)
        try:
            calls.fsync(fd)
        finally:
            calls.close(fd)
    except OSError as error:
        raise explain(error, str(folder)) from error
