"""Who holds a package manager's lock, read from the kernel's list and the managers' own notes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchup.words import tr

_FILES: Mapping[str, tuple[str, ...]] = {
    "apt": (
        "var/lib/dpkg/lock-frontend",
        "var/lib/dpkg/lock",
        "var/lib/apt/lists/lock",
        "var/cache/apt/archives/lock",
    ),
    "dnf": ("var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock"),
    "zypper": ("var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock"),
    "pacman": (),
}
_NOTES: Mapping[str, tuple[str, ...]] = {
    "apt": (),
    "dnf": ("var/cache/dnf/metadata_lock.pid", "var/lib/dnf/rpmdb_lock.pid", "var/run/yum.pid"),
    "zypper": ("run/zypp.pid", "var/run/zypp.pid"),
    "pacman": ("var/lib/pacman/db.lck",),
}
_LINE = re.compile(r"\d+: (?:POSIX|FLOCK|OFDLCK)\s+\S+\s+WRITE (?P<pid>-?\d+) (?P<device>\S+):(?P<inode>\d+) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """A process that holds a lock; `pid` is None where nobody tells, `program` then is empty."""

    path: str
    pid: int | None
    program: str = ""

    def __str__(self) -> str:
        """Say who it is."""
        if self.pid is None:
            return tr("somebody (see {path})", path=self.path)
        return tr("{program} (process {pid})", program=self.program or tr("a program"), pid=self.pid)


def lock_holder(manager: str, root: Path = Path("/"), *, proc: Path = Path("/proc")) -> LockHolder | None:
    """Find who holds one of the manager's locks; None when all are free. Nothing is opened or locked."""
    return next(_holders(manager, root, proc), None)


def parse_locks(text: str) -> dict[int, int]:
    """Parse /proc/locks into the holder of the write lock on each inode.

    A line that begins with `->` waits for a lock and holds none. Devices are left out: those of an
    overlay differ between this list and `stat`, and a lock file's number is compared with a few files only.
    """
    found: dict[int, int] = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            found[int(match["inode"])] = int(match["pid"])
    return found


def _holders(manager: str, root: Path, proc: Path) -> Iterator[LockHolder]:
    held = parse_locks(_read(proc / "locks"))
    for name in _FILES.get(manager, ()):
        try:
            pid = held.get((root / name).stat().st_ino)
        except OSError:
            continue
        if pid is not None and pid != os.getpid():
            yield _named(root / name, pid, proc)
    for name in _NOTES.get(manager, ()):
        path = root / name
        if not path.is_file():
            continue
        words = _read(path).split()
        pid = int(words[0]) if words and words[0].isdigit() else None
        # pacman's file stays behind when it is killed, and is empty: its being there is the lock.
        if manager == "pacman" or (pid is not None and (proc / str(pid)).is_dir()):
            yield _named(path, pid, proc)


def _named(path: Path, pid: int | None, proc: Path) -> LockHolder:
    if pid is None or pid <= 0:
        return LockHolder(path=str(path), pid=None)
    return LockHolder(path=str(path), pid=pid, program=_read(proc / str(pid) / "comm").strip())


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
