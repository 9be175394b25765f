"""Folders of torchup's own: private whatever the umask is, and the temporary ones swept when a run was killed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE_FOLDER = 0o700
_PREFIX = "torchup-tmp-"
_TEMPORARY = re.compile(rf"{_PREFIX}\w{{8}}")


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may read, or take from others what they may do in one that is there.

    Those above it that are missing get 0755 at most. Raises OSError.
    """
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with suppress(OSError):
        found = folder.stat()
        if _is_ours(found) and stat.S_IMODE(found.st_mode) & ~PRIVATE_FOLDER:
            folder.chmod(PRIVATE_FOLDER)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a private folder for a while, in the place for temporary files (TMPDIR). Raises OSError.

    It is held by a lock that the system releases when the process dies, so that `sweep_temporary_folders` can tell
    one that is in use from one that a killed run left.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = _hold(folder)
        if folder.exists():
            break
        # Swept in the moment between its making and the lock.
        _release(held)
    try:
        yield folder
    finally:
        # What cannot be removed now is swept later: something in it may still be in use.
        shutil.rmtree(folder, ignore_errors=True)
        _release(held)


def new_file(path: Path) -> BinaryIO:
    """Open a new file that only its owner may read and write. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def temporary_in(folder: Path) -> dict[str, str]:
    """Give the variables that let a program put its temporary files into a folder of ours.

    It is on the file system on which they would be anyway, so neither links nor space are lost.
    """
    return dict.fromkeys(("TEMP", "TMP") if os.name == "nt" else ("TMPDIR",), str(folder))


def sweep_temporary_folders() -> None:
    """Remove the temporary folders of runs that were killed; those in use and those of others stay."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            if _TEMPORARY.fullmatch(path.name):
                _sweep(path)


def _sweep(folder: Path) -> None:
    """Remove one of them, which may go by itself meanwhile."""
    with suppress(OSError):
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and _is_ours(found) and (held := _hold(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            _release(held)


def _hold(folder: Path) -> int | None:
    """Lock a folder without waiting; None where another process holds it, or where folders cannot be locked."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
        else:
            return fd
    return None


def _release(held: int | None) -> None:
    if held is not None:
        os.close(held)


def _is_ours(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
