"""Go on with a run that was cut off, stopped, or waits for a restart of the machine."""

from __future__ import annotations

from torchup.apply.backups import Backups
from torchup.apply.change import Change, EnvironmentChange, FileChange, PackagesChange
from torchup.apply.file_steps import mend_torn
from torchup.apply.history import RunRecord, StepRecord
from torchup.apply.system import System
from torchup.model.context import Context


def mend(run: RunRecord, system: System, context: Context) -> None:
    """Bring what an earlier try left half done into a state from which its steps can be done again.

    A half-made environment of this run is removed, and so is one whose packages went in half: what an
    installer that was killed leaves cannot be trusted. A file that was cut off in the middle of a write
    in place gets its old bytes back. The records are marked, so that the executor does those steps anew.
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
            _remove(run, change.path, system)
        elif isinstance(change, PackagesChange) and change.new_environment:
            _remove(run, change.environment, system)


def _finished(record: StepRecord) -> bool:
    return record.outcome is not None and record.outcome.status != "failed"


def _remove(run: RunRecord, environment: str, system: System) -> None:
    system.remove_tree(environment)
    for record in run.steps.values():
        if _is_inside(record.change, environment):
            record.undone = True


def _is_inside(change: Change, environment: str) -> bool:
    match change:
        case PackagesChange():
            return change.environment == environment
        case EnvironmentChange() | FileChange():
            return change.path == environment or change.path.startswith(f"{environment}/")
        case _:
            return False
