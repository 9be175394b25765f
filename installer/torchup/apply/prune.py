"""Remove the backups that no undo and no resumption needs any more."""

from __future__ import annotations

from contextlib import suppress

from torchup.apply.change import backups_of
from torchup.apply.history import read_runs
from torchup.errors import RefusedError
from torchup.model.context import Context


def prune_backups(context: Context) -> None:
    """Remove what is kept for changes that were taken back; the caller holds the lock.

    Nothing is removed while some journal cannot be read: it may need any of them. A backup that cannot be
    removed harms nothing.
    """
    folder = context.places.backups
    if not folder.is_dir():
        return
    try:
        needed = _needed(context)
    except RefusedError:
        return
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in needed:
                path.unlink()
        if not needed:
            folder.rmdir()


def _needed(context: Context) -> frozenset[str]:
    changes = [record.change for run in read_runs(context) for record in run.steps.values() if record.remains]
    return frozenset(digest for change in changes if change is not None for digest in backups_of(change))
