"""One run at a time: a lock beside the journal that says who holds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torchup.apply.private_files import PRIVATE_FILE, drop, replace_private
from torchup.apply.write_errors import explain
from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.plan.target import OWN_FOLDERS_ELSEWHERE
from torchup.private_folders import make_private_folder
from torchup.words import tr


@contextmanager
def run_lock(context: Context) -> Iterator[None]:
    """Hold the lock; the system releases it when the process dies.

    Raises RefusedError: another-run, naming the process that holds it; or why torchup cannot keep a journal.
    """
    from filelock import FileLock, Timeout

    folder = context.places.state
    try:
        make_private_folder(folder)
        lock = FileLock(folder / "lock", mode=PRIVATE_FILE)
        lock.acquire(timeout=0)
    except Timeout:
        raise _held(folder / "lock-holder.json") from None
    except OSError as error:
        why = explain(error, str(folder))
        raise RefusedError(why.message, code=why.code, evidence=why.evidence, hint=tr(OWN_FOLDERS_ELSEWHERE)) from error
    holder = folder / "lock-holder.json"
    try:
        with suppress(OSError):  # who holds the lock is good to know, and no more
            note = {"pid": os.getpid(), "since": context.now().isoformat(timespec="seconds")}
            replace_private(holder, json.dumps(note).encode())
        yield
    finally:
        drop(holder)
        lock.release()


def _held(holder: Path) -> RefusedError:
    try:
        said = json.loads(holder.read_text())
        evidence: tuple[str, ...] = (tr("process {pid}, since {since}", pid=said["pid"], since=said["since"]),)
    except (OSError, ValueError, KeyError):
        evidence = ()
    return RefusedError(
        tr("Another run of torchup is at work in this account."),
        code="another-run",
        evidence=evidence,
        hint=tr("Wait until it has ended, then run again."),
    )
