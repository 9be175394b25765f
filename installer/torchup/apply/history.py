"""Read the journals of earlier runs: what each did, how it ended, and what of it is still there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args

from torchup import __version__
from torchup.apply.change import Change, EnvironmentChange, NoChange, is_change
from torchup.apply.folders import marked_run
from torchup.apply.journal import SCHEMA, EndStatus
from torchup.apply.journal_files import journal_files, unreadable
from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.outcome import Outcome
from torchup.model.plan import CreateEnvironment, InstallPackages, Plan
from torchup.model.serial import ShapeError, load
from torchup.reading import read_file, reason
from torchup.words import tr

_LARGEST = 256 * 1024 * 1024
"""No run comes near; what is larger is no journal, and reading it would take all memory."""


@dataclass(slots=True, kw_only=True)
class StepRecord:
    """What the journal says about one step; `outcome` is None while it has not finished."""

    change: Change
    outcome: Outcome | None = None
    undone: bool = False
    settled: bool = False
    left: str | None = None

    @property
    def remains(self) -> bool:
        """Tell whether what the step changed is still there."""
        return not self.undone and not self.settled and is_change(self.change)


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """One run as its journal tells it; `ends` are how it ended each time, oldest first, `home` whose files it changed."""

    run: str
    path: Path
    at: datetime
    plan: Plan
    home: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    ends: list[tuple[EndStatus, str]] = field(default_factory=list)

    @property
    def status(self) -> EndStatus | None:
        """How it ended last; None when it was cut off."""
        return self.ends[-1][0] if self.ends else None

    @property
    def is_open(self) -> bool:
        """Tell whether it can be resumed: cut off, interrupted, stopped, or waiting for a restart."""
        return self.status in (None, "interrupted", "stopped", "reboot")

    def is_done(self, step_id: str) -> bool:
        """Tell whether a step was finished without failing."""
        record = self.steps.get(step_id)
        return record is not None and record.outcome is not None and record.outcome.status != "failed"

    @property
    def has_changes(self) -> bool:
        """Tell whether anything that it changed is still there."""
        return any(record.remains for record in self.steps.values())

    @property
    def environment_stands(self) -> bool:
        """Tell whether the environment that it set up is still one: an undo may have left only what is the person's."""
        made = (step for step in self.plan.steps if isinstance(step, CreateEnvironment | InstallPackages))
        records = (self.steps[step.id] for step in made if step.id in self.steps)
        return self.has_changes and not any(record.undone or record.left is not None for record in records)


def read_run(path: Path) -> RunRecord:
    """Read one journal; a torn last line is left out.

    Raises RefusedError (journal-unreadable) for anything else that is wrong, also where not even the head can be
    read, and for one that a later version wrote with another schema.
    """
    lines = _lines(path)
    head = next(lines, None)
    if head is None:
        raise unreadable(path, tr("it is empty, or its first line is cut off"))
    if head.get("schema") != SCHEMA:
        raise _of_another_version(
            path,
            tr("its schema is {schema!r}, and this version reads {newest}", schema=head.get("schema"), newest=SCHEMA),
            head,
        )
    try:
        record = RunRecord(
            run=path.stem,
            path=path,
            at=datetime.fromisoformat(head["at"]),
            plan=load(Plan, head["plan"]),
            home=home if isinstance(home := head.get("home"), str) else None,
        )
        for line in lines:
            _add(record, line)
    except (ShapeError, KeyError, ValueError, TypeError) as error:
        raise _of_another_version(path, str(error), head) from error
    return record


def read_runs(context: Context) -> tuple[RunRecord, ...]:
    """Read every run, newest first: by number, not by time.

    Raises RefusedError (journal-unreadable) when one of them cannot be read.
    """
    return tuple(read_run(file.path) for file in reversed(journal_files(context.places.journal)))


def last_run(context: Context) -> RunRecord | None:
    """Give the newest run that has changes or can be resumed, else the newest of all."""
    runs = read_runs(context)
    return next((run for run in runs if run.has_changes or run.is_open), runs[0] if runs else None)


def undoable_runs(context: Context) -> tuple[RunRecord, ...]:
    """Give the runs with changes that are still there, in the order in which `undo` takes them: newest first."""
    runs = tuple(run for run in read_runs(context) if run.has_changes)
    # What an earlier undo had to leave does not keep the runs before it from being undone.
    untried = tuple(run for run in runs if any(step.remains and step.left is None for step in run.steps.values()))
    return untried or runs


def made_environments(context: Context) -> frozenset[str]:
    """Give the paths of the environments that torchup made and did not remove, where nothing else has taken their place."""
    return frozenset(
        step.change.path
        for run in read_runs(context)
        for step in run.steps.values()
        if step.remains
        and isinstance(step.change, EnvironmentChange)
        and (step.change.folder is None or marked_run(step.change.path) == step.change.run)
    )


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        content = read_file(path, limit=_LARGEST)
    except OSError as error:
        raise unreadable(path, reason(error)) from error
    # What stands behind the last line's end is torn, or nothing.
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise unreadable(path, tr("line {line}: {error}", line=number, error=error)) from error
        if not isinstance(record, dict):
            raise unreadable(path, tr("line {line} is no record", line=number))
        yield record


def _add(record: RunRecord, line: Mapping[str, Any]) -> None:
    match line["record"]:
        case "started":
            change = _change(line["change"])
            old = record.steps.get(line["step"])
            # What a resumed step finds done is not new: the first look at what was there before counts.
            kept = old.change if old is not None and old.remains and isinstance(change, NoChange) else change
            record.steps[line["step"]] = StepRecord(change=kept)
        case "finished":
            step = record.steps[line["step"]]
            step.outcome = load(Outcome, line["outcome"])
            change = _change(line["change"])
            if not isinstance(change, NoChange):
                step.change = change
        case "undone":
            step = record.steps[line["step"]]
            step.undone, step.left = line["left"] is None, line["left"]
        case "settled":
            record.steps[line["step"]].settled = True
        case "end" if line["status"] in get_args(EndStatus):
            record.ends.append((line["status"], line["detail"]))
        case _:
            pass  # a kind of line that a later version added: what it says changes nothing here


def _change(data: Any) -> Change:
    kind: Any = Change  # a union is no class for the type checker, but `load` takes it
    return cast("Change", load(kind, data))


def _of_another_version(path: Path, why: str, head: Mapping[str, Any]) -> RefusedError:
    plan = head.get("plan")
    wrote = plan.get("tool_version") if isinstance(plan, dict) else None
    if not isinstance(wrote, str) or wrote == __version__:
        return unreadable(path, why)
    return RefusedError(
        tr(
            "The journal {name} cannot be read: torchup {wrote} wrote it, and this is {version}.",
            name=path.name,
            wrote=wrote,
            version=__version__,
        ),
        code="journal-unreadable",
        evidence=(f"{path}: {why}",),
        hint=tr("Use torchup {version}, or move the file away if that run does not matter any more.", version=wrote),
    )
