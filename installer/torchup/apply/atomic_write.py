"""Write a file so that at every moment it holds the old bytes or the new ones, and stays the same file.

A link is followed and kept. The new bytes go to a temporary file beside the target, which gets its mode,
owner and extended attributes, is brought to the disk and renamed over it. Where that would lose something
(a bind-mounted file, a second hard link, an owner that cannot be given, a folder that cannot be written)
the file is written in place, after a checked backup, from the first byte that differs, and put back when
that fails. A file that does not hold what the caller saw in it is left alone.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.backups import Backups, sha256
from torchup.apply.in_place import require_same, write_in_place
from torchup.apply.os_calls import CLOEXEC, NOFOLLOW, REAL_CALLS, OsCalls, write_all
from torchup.apply.system import ANY_CONTENT
from torchup.apply.write_errors import changed_meanwhile, explain, not_a_file

DEFAULT_MODE = 0o644
TEMPORARY = re.compile(r"\.(?P<name>.+)\.torchup-[0-9a-f]{12}\.tmp")
_NOT_BY_RENAME = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)
_ACL = "system.posix_acl_access"


class _KeepsLessError(Exception):
    """A renamed file would lose its owner or an attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWriter:
    """Writes files; `backups` is where the old bytes go before a write in place."""

    backups: Backups
    calls: OsCalls = REAL_CALLS

    def write(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Replace or create a file; `mode` None keeps the mode.

        `expected` is the sha256 of what is to be replaced, None where there is to be no file yet. Raises
        StepError with one of the codes of `write_errors`; the file then holds its old bytes, unless the
        code is in-place-write-failed, whose evidence names the backup.
        """
        try:
            self._write(path, content, mode=mode, create=create, expected=expected)
        except OSError as error:
            raise explain(error, path, needs=len(content)) from error

    def remove(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Remove a file, or the link at `path`; a missing one is fine. Raises StepError like `write`."""
        try:
            self.clean(path)
            if not os.path.lexists(path):
                return
            if expected != ANY_CONTENT and sha256(Path(path).read_bytes()) != expected:
                raise changed_meanwhile(path)
            self.calls.unlink(path)
            self._sync_folder(path)
        except OSError as error:
            raise explain(error, path) from error

    def clean(self, path: str) -> None:
        """Remove what an earlier run of ours left beside a file when it was killed."""
        self._clean(os.path.realpath(path))

    def _write(self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None) -> None:
        target = os.path.realpath(path)
        self._clean(target)  # first, because what was left may be a second name of the target
        try:
            before: os.stat_result | None = Path(target).stat()
        except FileNotFoundError:
            before = None
        problem = not_a_file(path, target, before, create=create)
        if problem is not None:
            raise problem
        _require_expected(path, target, before, expected)
        if before is None:
            self._create(target, content, DEFAULT_MODE if mode is None else mode)
            return
        kept_mode = stat.S_IMODE(before.st_mode) if mode is None else mode
        if before.st_nlink > 1:
            self._write_in_place(target, content, kept_mode, before)
            return
        try:
            self._replace(target, content, kept_mode, before)
        except _KeepsLessError:
            self._write_in_place(target, content, kept_mode, before)
        except OSError as error:
            if error.errno not in _NOT_BY_RENAME or not os.access(target, os.W_OK):
                raise
            self._write_in_place(target, content, kept_mode, before)
        else:
            # Not above: the rename is done, so an error from here on is no reason to write in place.
            self._sync_folder(target)

    def _temporary(self, target: str, content: bytes) -> tuple[str, int]:
        folder, name = os.path.split(target)
        temporary = f"{folder}/.{name}.torchup-{secrets.token_hex(6)}.tmp"
        fd = self.calls.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | CLOEXEC, 0o600)
        try:
            write_all(self.calls, fd, content)
        except BaseException:
            with suppress(OSError):
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
            require_same(target, before)
            self.calls.replace(temporary, target)
        except BaseException:
            self._drop(temporary)
            raise

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
            self.calls.close(self.calls.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOEXEC, 0o600))
            self.calls.replace(temporary, target)

    def _make_alike(self, fd: int, target: str, mode: int, before: os.stat_result) -> None:
        """Give the temporary file the owner, the attributes and the mode of the target, in this order.

        Until then only its owner may read it. An access list comes before the mode: with the mode alone the
        file's group could read what the list keeps from it.
        """
        made = os.fstat(fd)
        if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
            self._or_in_place(lambda: self.calls.fchown(fd, before.st_uid, before.st_gid))
        if hasattr(os, "listxattr"):
            wanted, has = _attributes(target), _attributes(fd)
            if _ACL in has and _ACL not in wanted:
                # The folder hands an access list down to new files, which the target does not have.
                self._or_in_place(lambda: self.calls.removexattr(fd, _ACL))
            for name, value in wanted.items():
                if has.get(name) != value:
                    self._set_attribute(fd, name, value)
        self.calls.fchmod(fd, mode)

    def _set_attribute(self, fd: int, name: str, value: bytes) -> None:
        self._or_in_place(lambda: self.calls.setxattr(fd, name, value))

    def _or_in_place(self, call: Callable[[], None]) -> None:
        try:
            call()
        except OSError as error:
            raise _KeepsLessError from error

    def _write_in_place(self, target: str, content: bytes, mode: int, before: os.stat_result) -> None:
        write_in_place(self.calls, self.backups, target, content, mode=mode, before=before)

    def _sync_folder(self, target: str) -> None:
        if os.name == "nt":
            return
        try:
            fd = self.calls.open(str(Path(target).parent), os.O_RDONLY | os.O_DIRECTORY | CLOEXEC)
        except PermissionError:
            return  # a folder that may be written but not read cannot be brought to the disk
        try:
            self.calls.fsync(fd)
        except OSError as error:
            # The new name is in force already; some file systems cannot bring a folder to the disk.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            self.calls.close(fd)

    def _clean(self, target: str) -> None:
        folder, name = os.path.split(target)
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        for entry in entries:
            match = TEMPORARY.fullmatch(entry.name)
            if match and match["name"] == name and entry.is_file(follow_symlinks=False) and _ours(entry):
                self._drop(entry.path)

    def _drop(self, path: str) -> None:
        """Remove a temporary file; one that stays harms nothing, and the next run removes it."""
        with suppress(OSError):
            self.calls.unlink(path)


def _require_expected(path: str, target: str, before: os.stat_result | None, expected: str | None) -> None:
    if expected == ANY_CONTENT:
        return
    found = None if before is None else sha256(Path(target).read_bytes())
    if found != expected:
        raise changed_meanwhile(path)


def _ours(entry: os.DirEntry[str]) -> bool:
    return not hasattr(os, "geteuid") or entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _attributes(place: str | int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(place, name) for name in os.listxattr(place)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
            return {}
        raise
