"""What the journals say is still ours in the start-up files, whatever shells are chosen today."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torchup.apply.backups import sha256
from torchup.apply.change import DirectoryChange, FileChange
from torchup.apply.file_steps import revert_directories
from torchup.apply.history import RunRecord, StepRecord, read_runs
from torchup.apply.journal import Journal
from torchup.apply.lock import run_lock
from torchup.apply.prune import prune_backups
from torchup.apply.survey import read_file
from torchup.apply.system import System
from torchup.errors import TorchupError
from torchup.model.context import Context
from torchup.model.plan import EditManagedBlock, RemoveFile, Step, WriteFile
from torchup.shell.block_scan import find
from torchup.words import tr

_OWN = ("own-file", "env-file", "conda-script")


@dataclass(frozen=True, slots=True, kw_only=True)
class OurFile:
    """A file with a block of ours, or one that is ours whole; `step_id` is that of the step that wrote it."""

    path: str
    form: Literal["block", "own-file", "env-file", "conda-script"]
    language: str | None
    step_id: str


def files_still_ours(context: Context) -> tuple[OurFile, ...]:
    """List the start-up files with a block of ours and the files for shells that are ours, oldest first.

    A file counts when a run wrote it, nobody has taken that back, and it is still there. Raises
    RefusedError (journal-unreadable).
    """
    found: dict[str, OurFile] = {}
    for run in reversed(read_runs(context)):
        for step in run.plan.steps:
            record = run.steps.get(step.id)
            ours = (
                _ours(step) if record is not None and record.remains and isinstance(record.change, FileChange) else None
            )
            if ours is not None and _is_there(ours):
                found.setdefault(ours.path, ours)
    return tuple(found.values())


def removal_steps(files: Iterable[OurFile], *, planned: Collection[str]) -> tuple[Step, ...]:
    """Plan to take these files or their blocks out, but for the paths that are planned already."""
    steps: list[Step] = []
    for file in files:
        if file.path in planned:
            continue
        why = tr("An earlier run of torchup put this there.")
        content = read_file(file.path)
        if file.form == "block" and file.language is not None:
            steps.append(
                EditManagedBlock(
                    id=f"block:{file.path}",
                    summary=tr("Take the torchup block out of {path}", path=file.path),
                    why=why,
                    path=file.path,
                    shell=file.language,
                    body=None,
                    expected_sha256=None if content is None else sha256(content),
                )
            )
        else:
            steps.append(
                RemoveFile(
                    id=f"{file.form}:{file.path}", summary=tr("Remove {path}", path=file.path), why=why, path=file.path
                )
            )
    return tuple(steps)


def settle_removal(context: Context, system: System) -> tuple[str, ...]:
    """Close the books after `shell remove`: what it took out needs no undo any more.

    The records of what is gone are marked as settled, those of the removal too; the folders that
    torchup made go where they are empty, and so do the backups that nothing needs. Gives the folders that
    went. A removal is taken back by applying again. Raises RefusedError (another-run, journal-unreadable).
    """
    went: list[str] = []
    with run_lock(context):
        for run in read_runs(context):
            if run.is_open:
                continue
            gone = [step for step in run.plan.steps if _gone(step, run.steps.get(step.id))]
            for step in gone:
                _mark(run, step, context)
            for step in reversed(run.plan.steps):
                record = run.steps.get(step.id)
                if record is None or not record.remains or not isinstance(record.change, DirectoryChange):
                    continue
                went += revert_directories(record.change, system).removed
                if not any(Path(path).exists() for path in record.change.paths):
                    _mark(run, step, context)
        prune_backups(context)
    return tuple(went)


def _ours(step: Step) -> OurFile | None:
    if isinstance(step, EditManagedBlock) and step.body is not None:
        return OurFile(path=step.path, form="block", language=step.shell, step_id=step.id)
    if isinstance(step, WriteFile):
        for form in _OWN:
            if step.id.startswith(f"{form}:"):
                return OurFile(path=step.path, form=form, language=None, step_id=step.id)  # type: ignore[arg-type]
    return None


def _is_there(ours: OurFile) -> bool:
    try:
        content = read_file(ours.path)
    except TorchupError:
        return True  # what may not be read may well be there: the removal then says so
    if ours.form != "block":
        return content is not None
    return content is not None and find(content).kind != "absent"


def is_removal(step: Step) -> bool:
    """Tell whether a step takes out what torchup wrote."""
    return isinstance(step, RemoveFile) or (isinstance(step, EditManagedBlock) and step.body is None)


def _gone(step: Step, record: StepRecord | None) -> bool:
    if record is None or not record.remains or not isinstance(record.change, FileChange):
        return False
    if is_removal(step):
        return True
    ours = _ours(step)
    return ours is not None and not _is_there(ours)


def _mark(run: RunRecord, step: Step, context: Context) -> None:
    Journal.reopen(context, run.path).settled(step.id, at=context.now())
    run.steps[step.id].settled = True
