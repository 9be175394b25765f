"""The reading side of a machine: files below a root prefix, the environment, and short-lived commands.

Every probe gets a `Host` and nothing else, so that a captured machine (a folder tree) is read by the very
code that reads a live one. Paths are strings as the machine itself would write them, without the prefix.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.detect.notes import Notes
from torchup.model.facts import System
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.detect.commands import Ran

_ROOT = Path("/")
_MOST_LINKS = 40
_SMALL_READ = 64 * 1024
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits in seconds for what detection starts, and the most bytes it reads from one file.

    NVML and nvidia-smi get more than the rest: without the persistence daemon the driver first wakes up
    every GPU, which takes seconds on servers with eight of them.
    """

    command: float = 5.0
    interpreter: float = 5.0
    nvml: float = 30.0
    nvidia_smi: float = 30.0
    file_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine that can be looked at.

    Only when `live` are commands started, libraries loaded and the process itself asked: that is so when
    `sysroot` is the running system's own root (and in tests that put a part of it below a prefix).
    """

    sysroot: Path
    environ: Mapping[str, str]
    home: str
    limits: Limits = field(default_factory=Limits)
    system: System = "linux"
    live: bool = False
    notes: Notes = field(default_factory=Notes)

    @classmethod
    def at(cls, sysroot: Path, *, environ: Mapping[str, str], home: Path, limits: Limits | None = None) -> Host:
        """Make the host for a root prefix; `/` is the running system, anything else a Linux tree."""
        live = sysroot == _ROOT
        return cls(
            sysroot=sysroot,
            environ=environ,
            home=str(home),
            limits=limits or Limits(),
            system=running_system() if live else "linux",
            live=live,
        )

    def below(self, root: Path) -> Host:
        """Give the same host read below another prefix; `/` gives this one."""
        return self if root == _ROOT else replace(self, sysroot=root, live=False)

    @property
    def prefixed(self) -> bool:
        """Whether files are read below a prefix."""
        return self.sysroot != _ROOT

    def disk_path(self, path: str) -> str:
        """Give the place on disk of a path, with links resolved inside the prefix."""
        return str(self.sysroot) + self.resolve(path) if self.prefixed else path

    def resolve(self, path: str) -> str:
        """Follow all links as the machine itself would, never out of the prefix."""
        if not self.prefixed:
            return os.path.realpath(path)
        done: list[str] = []
        todo = [part for part in reversed(path.split("/")) if part]
        links = 0
        while todo:
            part = todo.pop()
            if part in (".", ".."):
                done = done[:-1] if part == ".." else done
                continue
            try:
                target = os.readlink("/".join((str(self.sysroot), *done, part)))  # noqa: PTH115 - str paths
            except OSError:
                done.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                done.append(part)
                continue
            done = [] if target.startswith("/") else done
            todo.extend(step for step in reversed(target.split("/")) if step)
        return "/" + "/".join(done)

    def link_target(self, path: str) -> str | None:
        """Read a link's own target, None when it is not a link."""
        folder, _, name = path.rpartition("/")
        try:
            return os.readlink(os.path.join(self.disk_path(folder or "/"), name))  # noqa: PTH115, PTH118 - str paths
        except OSError:
            return None

    def stat(self, path: str) -> os.stat_result | None:
        """Stat what a path leads to, None when there is nothing or it cannot be reached."""
        try:
            return os.stat(self.disk_path(path))  # noqa: PTH116 - thousands of str paths, no Path objects
        except (OSError, ValueError):
            return None

    def exists(self, path: str) -> bool:
        """Tell whether a path leads to anything."""
        return self.stat(path) is not None

    def is_file(self, path: str) -> bool:
        """Tell whether a path leads to a regular file."""
        found = self.stat(path)
        return found is not None and stat.S_ISREG(found.st_mode)

    def is_dir(self, path: str) -> bool:
        """Tell whether a path leads to a directory."""
        found = self.stat(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def names(self, folder: str, *, prefix: str = "") -> tuple[str, ...]:
        """List a folder's entries that begin with `prefix`, in order; a missing or closed folder is empty."""
        try:
            return tuple(sorted(name for name in os.listdir(self.disk_path(folder)) if name.startswith(prefix)))  # noqa: PTH208 - names, not Path objects
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (OSError, ValueError) as error:
            self._unreadable(folder, error)
            return ()

    def read_bytes(self, path: str, *, limit: int | None = None, quiet: bool = False) -> bytes | None:
        """Read a regular file up to the limit; None when it is absent, not a file, or closed to us.

        A file that is closed to us leaves a finding unless `quiet`, for files that usually are.
        """
        try:
            # Without O_NONBLOCK a FIFO in the file's place would keep us waiting for ever.
            fd = os.open(self.disk_path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            self._unreadable(path, error, quiet=quiet)
            return None
        try:
            status = os.fstat(fd)
            most = self.limits.file_bytes if limit is None else limit
            return _read_up_to(fd, most, status.st_size) if stat.S_ISREG(status.st_mode) else None
        except OSError as error:
            self._unreadable(path, error, quiet=quiet)
            return None
        finally:
            os.close(fd)

    def read_text(self, path: str, *, quiet: bool = False) -> str | None:
        """Read a text file as UTF-8, with odd bytes replaced."""
        content = self.read_bytes(path, quiet=quiet)
        return None if content is None else content.decode("utf-8", "replace")

    def read_line(self, path: str) -> str | None:
        """Read a file that holds one value, as most of sysfs does; empty counts as absent."""
        text = self.read_text(path)
        return (text.strip("\0 \t\r\n") or None) if text is not None else None

    def accessible(self, path: str) -> bool:
        """Tell whether we may read and write what is at a path."""
        return os.access(self.disk_path(path), os.R_OK | os.W_OK)

    def executable(self, path: str) -> bool:
        """Tell whether a path leads to a file that may be executed."""
        found = self.stat(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return False
        return bool(found.st_mode & 0o111) if self.prefixed else os.access(path, os.X_OK)

    def search_path(self) -> tuple[str, ...]:
        """Give the absolute folders of PATH in order, without repetitions."""
        entries = self.environ.get("PATH", _SEARCH_PATH).split(os.pathsep)
        return tuple(dict.fromkeys(entry.rstrip("/") or "/" for entry in entries if os.path.isabs(entry)))  # noqa: PTH117 - str paths

    def which(self, name: str) -> str | None:
        """Find a command on PATH."""
        suffixes = (".exe", ".cmd", ".bat") if self.system == "windows" else ("",)
        for folder in self.search_path():
            for suffix in suffixes:
                path = f"{folder}/{name}{suffix}"
                if self.executable(path):
                    return path
        return None

    def run(self, argv: Sequence[str], *, limit: float | None = None) -> Ran | None:
        """Run one command to its end or its time limit; None where commands are not run."""
        return self.run_all([argv], limit=limit)[0] if self.live else None

    def run_all(self, commands: Sequence[Sequence[str]], *, limit: float | None = None) -> list[Ran]:
        """Run several commands side by side; an empty list where commands are not run."""
        if not self.live or not commands:
            return []
        # Most machines are told without starting anything, and need not pay for the means to do it.
        from torchup.detect.commands import run_commands

        environ = {**self.environ, "LC_ALL": "C", "LANGUAGE": "C"}
        placed = [[self.disk_path(argv[0]), *argv[1:]] for argv in commands] if self.prefixed else commands
        return run_commands(placed, environ=environ, limit=self.limits.command if limit is None else limit)

    def _unreadable(self, path: str, error: OSError | ValueError, *, quiet: bool = False) -> None:
        if quiet:
            return
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.notes.add("unreadable", tr("{path} could not be read.", path=path), reason)


def running_system() -> System:
    """Name the system that this process runs on."""
    if sys.platform == "win32":
        return "windows"
    return "darwin" if sys.platform == "darwin" else "linux"


def _read_up_to(fd: int, limit: int, size: int) -> bytes:
    # The files of /proc/sys have no size and refuse a request for megabytes.
    step = max(_SMALL_READ, size + 1)
    chunks: list[bytes] = []
    left = limit
    while left > 0 and (chunk := os.read(fd, min(step, left))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
