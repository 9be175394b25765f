"""Write a file so that at every moment it holds the old bytes or the new ones, and stays the same file.

A link is followed and kept. The new bytes go to a temporary file beside the target, which gets its mode,
owner and extended attributes, is brought to the disk and renamed over it. Where that would lose something
(a bind-mounted file, a second hard link, an owner that cannot be given, a folder that cannot be written)
the file is written in place, after a checked backup, and put back when that fails.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.backups import Backups
from torchup.apply.os_calls import REAL_CALLS, OsCalls
from torchup.apply.write_errors import changed_meanwhile, cut_off, explain, not_a_file

DEFAULT_MODE = 0o644
TEMPORARY = re.compile(r"\.(?P<name>.+)\.torchup-[0-9a-f]{12}\.tmp")
_NOT_BY_RENAME = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class _KeepsLessError(Exception):
    """A renamed file would lose its owner or an attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWriter:
    """Writes files; `backups` is where the old bytes go before a write in place."""

    backups: Backups
    calls: OsCalls = REAL_CALLS

    def write(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        """Replace or create a file; `mode` None keeps the mode.

        Raises StepError with one of the codes of `write_errors`; the file then holds its old bytes,
        unless the code is in-place-write-failed, whose evidence names the backup.
        """
        try:
            self._write(path, content, mode=mode, create=create)
        except OSError as error:
            raise explain(error, path) from error

    def _write(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        target = os.path.realpath(path)
        try:
            before: os.stat_result | None = Path(target).stat()
        except FileNotFoundError:
            before = None
        problem = not_a_file(path, target, before, create=create)
        if problem is not None:
            raise problem
        self._clean(target)
        if before is None:
            self._create(target, content, DEFAULT_MODE if mode is None else mode)
            return
        kept_mode = stat.S_IMODE(before.st_mode) if mode is None else mode
        if before.st_nlink > 1:
            self._write_in_place(target, content, kept_mode)
            return
        try:
            self._replace(target, content, kept_mode, before)
        except _KeepsLessError:
            self._write_in_place(target, content, kept_mode)
        except OSError as error:
            if error.errno not in _NOT_BY_RENAME or not os.access(target, os.W_OK):
                raise
            self._write_in_place(target, content, kept_mode)

    def _temporary(self, target: str, content: bytes) -> tuple[str, int]:
        folder, name = os.path.split(target)
        temporary = f"{folder}/.{name}.torchup-{secrets.token_hex(6)}.tmp"
        fd = self.calls.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)
        try:
            self._write_all(fd, content)
        except BaseException:
            self.calls.close(fd)
            self._drop(temporary)
            raise
        return temporary, fd

    def _replace(self, target: str, content: bytes, mode: int, before: os.stat_result) -> None:
        temporary, fd = self._temporary(target, content)
        try:
            try:
                self._make_alike(fd, target, mode, before)
                self.calls.fsync(fd)
            finally:
                self.calls.close(fd)
            _require_same(target, before)
            self.calls.replace(temporary, target)
        except BaseException:
            self._drop(temporary)
            raise
        self._sync_folder(target)

    def _create(self, target: str, content: bytes, mode: int) -> None:
        temporary, fd = self._temporary(target, content)
        try:
            try:
                self.calls.fchmod(fd, mode)
                self.calls.fsync(fd)
            finally:
                self.calls.close(fd)
            self._name_new(temporary, target)
        finally:
            self._drop(temporary)
        self._sync_folder(target)

    def _name_new(self, temporary: str, target: str) -> None:
        """Give the finished file its name without overwriting one that appeared meanwhile."""
        try:
            self.calls.link(temporary, target)
        except FileExistsError as error:
            raise changed_meanwhile(target) from error
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            # This file system has no hard links. The name is taken first, so nothing is overwritten.
            self.calls.close(self.calls.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o600))
            self.calls.replace(temporary, target)

    def _make_alike(self, fd: int, target: str, mode: int, before: os.stat_result) -> None:
        made = os.fstat(fd)
        if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
            try:
                self.calls.fchown(fd, before.st_uid, before.st_gid)
            except OSError as error:
                raise _KeepsLessError from error
        self.calls.fchmod(fd, mode)
        if not hasattr(os, "listxattr"):
            return
        for attribute, value in _attributes(target).items():
            if _attribute(fd, attribute) == value:
                continue
            try:
                self.calls.setxattr(fd, attribute, value)
            except OSError as error:
                raise _KeepsLessError from error

    def _write_in_place(self, target: str, content: bytes, mode: int) -> None:
        old = Path(target).read_bytes()
        digest = self.backups.keep(old)
        room = os.statvfs(target) if hasattr(os, "statvfs") else None
        if room is not None and len(content) - len(old) > room.f_bavail * room.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        fd = self.calls.open(target, os.O_WRONLY | _NOFOLLOW | _CLOEXEC)
        try:
            try:
                self._overwrite(fd, content)
            except OSError as error:
                try:
                    os.lseek(fd, 0, os.SEEK_SET)
                    self._overwrite(fd, old)
                except OSError as second:
                    raise cut_off(target, error, self.backups.path(digest)) from second
                raise
            if stat.S_IMODE(os.fstat(fd).st_mode) != mode:
                self.calls.fchmod(fd, mode)
        finally:
            self.calls.close(fd)

    def _overwrite(self, fd: int, content: bytes) -> None:
        self._write_all(fd, content)
        self.calls.ftruncate(fd, len(content))
        self.calls.fsync(fd)

    def _write_all(self, fd: int, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[self.calls.write(fd, view) :]

    def _sync_folder(self, target: str) -> None:
        if os.name == "nt":
            return
        fd = self.calls.open(str(Path(target).parent), os.O_RDONLY | os.O_DIRECTORY | _CLOEXEC)
        try:
            self.calls.fsync(fd)
        except OSError as error:
            # The new name is in force already; some file systems cannot bring a folder to the disk.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            self.calls.close(fd)

    def _clean(self, target: str) -> None:
        """Remove what an earlier run of ours left beside the target when it was killed."""
        folder, name = os.path.split(target)
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, PermissionError):
            return
        for entry in entries:
            match = TEMPORARY.fullmatch(entry.name)
            if match and match["name"] == name and entry.is_file(follow_symlinks=False) and _ours(entry):
                self._drop(entry.path)

    def _drop(self, path: str) -> None:
        """Remove a temporary file; one that stays harms nothing, and the next run removes it."""
        with suppress(OSError):
            self.calls.unlink(path)


def _require_same(target: str, before: os.stat_result) -> None:
    now = Path(target).stat()
    if (now.st_mtime_ns, now.st_size, now.st_ino) != (before.st_mtime_ns, before.st_size, before.st_ino):
        raise changed_meanwhile(target)


def _ours(entry: os.DirEntry[str]) -> bool:
    return not hasattr(os, "geteuid") or entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _attributes(target: str) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(target, name) for name in os.listxattr(target)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
            return {}
        raise


def _attribute(fd: int, name: str) -> bytes | None:
    try:
        return os.getxattr(fd, name)
    except OSError:  # it has none, or the file system knows none: then it has to be set
        return None
