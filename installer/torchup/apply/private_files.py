"""Files of torchup's own that nobody else may read, whatever the umask is."""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from torchup.apply.os_calls import CLOEXEC, REAL_CALLS, OsCalls, write_all
from torchup.private_folders import make_private_folder

PRIVATE_FILE = 0o600
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def open_private(path: Path, flags: int, calls: OsCalls = REAL_CALLS) -> int:
    """Open a file for writing, made for its owner alone where it is missing, and give the descriptor."""
    return calls.open(str(path), os.O_WRONLY | flags | CLOEXEC, PRIVATE_FILE)


def write_beside(path: Path, content: bytes, calls: OsCalls = REAL_CALLS) -> Path:
    """Write the bytes to a private temporary file beside `path`, bring them to the disk, and tell where it is."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        fd = open_private(temporary, os.O_CREAT | os.O_EXCL, calls)
        try:
            write_all(calls, fd, content)
            calls.fsync(fd)
        finally:
            calls.close(fd)
    except BaseException:
        drop(temporary, calls)
        raise
    return temporary


def give_name(temporary: Path, path: Path, calls: OsCalls = REAL_CALLS) -> None:
    """Give a finished file its name. Raises FileExistsError where the name is taken, and OSError.

    Where there are no hard links only the run lock keeps two from taking one name; an empty file, which would take
    it for certain, would stay when the process is killed then.
    """
    try:
        calls.link(str(temporary), str(path))
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        calls.replace(str(temporary), str(path))


def replace_private(path: Path, content: bytes) -> None:
    """Give a private file new bytes: whoever reads it gets the old ones or the new ones. Raises OSError."""
    make_private_folder(path.parent)
    temporary = write_beside(path, content)
    try:
        REAL_CALLS.replace(str(temporary), str(path))
    except BaseException:
        drop(temporary)
        raise


def append_private(path: Path, content: bytes) -> None:
    """Add bytes to a private file; one that others may read by now is closed to them first. Raises OSError."""
    make_private_folder(path.parent)
    fd = open_private(path, os.O_CREAT | os.O_APPEND)
    try:
        if hasattr(os, "fchmod") and os.fstat(fd).st_mode & ~PRIVATE_FILE & 0o777:
            with suppress(OSError):
                os.fchmod(fd, PRIVATE_FILE)
        write_all(REAL_CALLS, fd, content)
    finally:
        os.close(fd)


def drop(path: Path, calls: OsCalls = REAL_CALLS) -> None:
    """Remove a temporary file; one that stays harms nothing, and the next run removes it."""
    with suppress(OSError):
        calls.unlink(str(path))


def sweep(folder: Path, pattern: str = "*.tmp", *, older_than_seconds: float | None = None) -> None:
    """Remove the temporary files that a run which was killed left in a folder of ours; the caller holds the lock."""
    with suppress(OSError):
        for left in folder.glob(pattern):
            if older_than_seconds is None or time.time() - left.lstat().st_mtime > older_than_seconds:
                drop(left)
