"""Write a file where it is, for a file that a rename would tear from its mount, its other name or its owner."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from torchup.apply.backups import Backups
from torchup.apply.os_calls import CLOEXEC, NOFOLLOW, OsCalls, write_all
from torchup.apply.torn import common_prefix
from torchup.apply.write_errors import changed_meanwhile, cut_off


def write_in_place(
    calls: OsCalls, backups: Backups, target: str, content: bytes, *, mode: int, before: os.stat_result
) -> None:
    """Overwrite a file after a checked backup, and put its bytes back when that fails.

    `before` is what the caller saw; a file that changed since is left alone. Raises OSError with the old
    bytes in place, and StepError file-changed or in-place-write-failed.
    """
    old = Path(target).read_bytes()
    digest = backups.keep(old)
    room = os.statvfs(target) if hasattr(os, "statvfs") else None
    if room is not None and len(content) - len(old) > room.f_bavail * room.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
    old_mode = stat.S_IMODE(before.st_mode)
    narrower = mode & old_mode != old_mode
    fd = calls.open(target, os.O_WRONLY | NOFOLLOW | CLOEXEC)
    try:
        require_same(target, before)
        if narrower:
            calls.fchmod(fd, mode & old_mode)  # what is to be private is so before it is written
        try:
            _overwrite(calls, fd, old, content)
        except OSError as error:
            try:
                _overwrite(calls, fd, content, old)
            except OSError as second:
                raise cut_off(target, error, backups.path(digest)) from second
            if narrower:
                with suppress(OSError):
                    calls.fchmod(fd, old_mode)
            raise
        if stat.S_IMODE(os.fstat(fd).st_mode) != mode:
            calls.fchmod(fd, mode)
    finally:
        calls.close(fd)


def require_same(target: str, before: os.stat_result) -> None:
    """Raise StepError file-changed when somebody has written the file since it was looked at."""
    if _identity(Path(target).stat()) != _identity(before):
        raise changed_meanwhile(target)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    # The change time also tells of a new mode, owner or name; on Windows it means something else.
    changed = found.st_ctime_ns if os.name != "nt" else 0
    return (found.st_mtime_ns, changed, found.st_size, found.st_ino)


def _overwrite(calls: OsCalls, fd: int, old: bytes, content: bytes) -> None:
    """Write `content` where `old` is, or a mixture of both: only what differs.

    So an append is one call that writes, and taking an appended block out one that cuts: a process that
    is killed then leaves the old file or the new one.
    """
    start = common_prefix(old, content)
    os.lseek(fd, start, os.SEEK_SET)
    write_all(calls, fd, memoryview(content)[start:])
    if os.fstat(fd).st_size != len(content):
        calls.ftruncate(fd, len(content))
    calls.fsync(fd)
