"""The System seam: the only way in which torchup changes a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torchup.model.plan import Command

FileKind = Literal["absent", "file", "directory", "dangling-link", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What is at a path, links followed: the bytes of a regular file, or its kind.

    `mode` holds the permission bits of a file or directory; `empty` is about a directory.
    """

    kind: FileKind
    content: bytes | None = None
    mode: int | None = None
    empty: bool = False
    real_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended. `returncode` is negative for the signal that killed it; `tail` is its last output.

    `timed_out` and `interrupted` tell why torchup itself ended it.
    """

    returncode: int
    tail: str
    timed_out: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Brings:
    """What a command is to bring about.

    The real system looks for itself afterwards; the recording one believes it. `distributions` are what an
    interpreter is expected to have more, by canonical name.
    """

    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    python: str | None = None
    distributions: Mapping[str, str] = field(default_factory=dict)


NOTHING = Brings()


class MachineView(Protocol):
    """A machine that can be looked at. Paths are absolute strings."""

    def look(self, path: str) -> FileState:
        """Tell what is at a path."""

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Read the name and version of everything installed for an interpreter, without running it."""

    def boot_id(self) -> str:
        """Tell this start of the machine from the next one."""


class System(MachineView, Protocol):
    """A machine that can be looked at and changed.

    Two implementations exist: the real one, and the recording one of a dry run, which answers later
    questions as if the earlier changes had been made.
    """

    def write_file(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        """Replace or create a file atomically; links, owner and extended attributes are kept.

        `mode` is set when it is given; None keeps the mode, and gives a new file 0644. With `create`
        False a missing file is an error. Raises StepError.
        """

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Create a directory and its missing parents; return those that were created, outermost first."""

    def remove_file(self, path: str) -> None:
        """Remove a file; a missing one is fine."""

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is missing or not empty is left alone."""

    def remove_tree(self, path: str) -> None:
        """Remove an environment that torchup itself created, with everything in it."""

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command in its own process group with standard input closed."""
