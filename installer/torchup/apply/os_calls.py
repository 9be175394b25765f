"""The operating system's calls that the file writer makes, as one seam: the `os` module, or a faulty double."""

from __future__ import annotations

import os
from typing import Protocol

CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class OsCalls(Protocol):
    """The part of `os` that changes files; tests put an object here that fails at the k-th call."""

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """Open a file or a directory."""

    def close(self, fd: int) -> None:
        """Close a descriptor."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write some bytes and tell how many."""

    def fsync(self, fd: int) -> None:
        """Bring a file's bytes to the disk."""

    def fchmod(self, fd: int, mode: int) -> None:
        """Set the permission bits."""

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        """Set owner and group."""

    def setxattr(self, path: int, attribute: str, value: bytes) -> None:
        """Set an extended attribute."""

    def removexattr(self, path: int, attribute: str) -> None:
        """Take an extended attribute away."""

    def ftruncate(self, fd: int, length: int) -> None:
        """Cut a file to a length."""

    def replace(self, source: str, target: str) -> None:
        """Rename over what is there."""

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; fails when that name exists."""

    def unlink(self, path: str) -> None:
        """Remove a name."""


class RealCalls:
    """The calls themselves."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    write = staticmethod(os.write)
    fsync = staticmethod(os.fsync)
    ftruncate = staticmethod(os.ftruncate)
    replace = staticmethod(os.replace)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)

    @staticmethod
    def fchmod(fd: int, mode: int) -> None:
        """Set the permission bits; Windows has none that count here."""
        if hasattr(os, "fchmod"):
            os.fchmod(fd, mode)

    @staticmethod
    def fchown(fd: int, uid: int, gid: int) -> None:
        """Set owner and group where there are any."""
        if hasattr(os, "fchown"):
            os.fchown(fd, uid, gid)

    @staticmethod
    def setxattr(path: int, attribute: str, value: bytes) -> None:
        """Set an extended attribute (Linux)."""
        if hasattr(os, "setxattr"):
            os.setxattr(path, attribute, value)

    @staticmethod
    def removexattr(path: int, attribute: str) -> None:
        """Take an extended attribute away (Linux)."""
        if hasattr(os, "removexattr"):
            os.removexattr(path, attribute)


REAL_CALLS: OsCalls = RealCalls()


def write_all(calls: OsCalls, fd: int, content: bytes | memoryview) -> None:
    """Write until everything is written: a call may take less than it was given."""
    view = memoryview(content)
    while view:
        view = view[calls.write(fd, view) :]
