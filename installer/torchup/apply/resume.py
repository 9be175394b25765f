"""Go on with a run that was cut off, stopped, or waits for a restart of the machine."""

from __future__ import annotations

from torchup.apply.backups import Backups
from torchup.apply.change import Change, EnvironmentChange, FileChange, LinkChange, LockChange, PackagesChange
from torchup.apply.file_steps import mend_torn
from torchup.apply.handlers import revert
from torchup.apply.history import RunRecord, StepRecord
from torchup.apply.system import System
from torchup.apply.undo import undoing
from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.words import tr


def mend(run: RunRecord, system: System, context: Context) -> None:
    """Bring what an earlier try left half done into a state from which its steps can be done again.

    A half-made environment of this run is removed, and so is one whose packages went in half: what an
    installer that was killed leaves cannot be trusted. A file that was cut off in the middle of a write
    in place gets its old bytes back. The records are marked, so that the executor does those steps anew.
    Raises RefusedError (environment-in-use) where somebody else has put something into
    such an environment, or another folder has taken its place.
    """
    backups = Backups(context.places.backups)
    for step in run.plan.steps:
        record = run.steps.get(step.id)
        if record is None or not record.remains or _finished(record):
            continue
        change = record.change
        if isinstance(change, FileChange):
            mend_torn(change, system.as_root() if step.privilege == "root" else system, backups)
        elif isinstance(change, EnvironmentChange):
            _remove(run, change.path, system, backups)
        elif isinstance(change, PackagesChange) and change.new_environment:
            _remove(run, change.environment, system, backups)


def _finished(record: StepRecord) -> bool:
    return record.outcome is not None and record.outcome.status != "failed"


def _remove(run: RunRecord, environment: str, system: System, backups: Backups) -> None:
    whole = undoing(run)
    for step in reversed(run.plan.steps):
        record = run.steps.get(step.id)
        if record is None or not record.remains or not _is_inside(record.change, environment):
            continue
        left = revert(step, record.change, system, backups, lambda _line: None, whole).left
        if left is not None and isinstance(record.change, EnvironmentChange):
            raise RefusedError(
                tr("The half-made environment {path} cannot be made anew as it is now.", path=environment),
                code="environment-in-use",
                evidence=(left.text,),
                hint=tr("Move what is yours out of it, or remove it, then `torchup resume` goes on."),
            )
        record.undone = True


def _is_inside(change: Change, environment: str) -> bool:
    match change:
        case PackagesChange():
            return change.environment == environment
        case LockChange():
            return all(path.startswith(f"{environment}/") for path in change.before)
        case EnvironmentChange() | FileChange() | LinkChange():
            return change.path == environment or change.path.startswith(f"{environment}/")
        case _:
            return False
