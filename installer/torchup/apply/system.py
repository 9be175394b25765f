"""The System seam: the only way in which torchup changes a machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torchup.apply.change import Folder, UserVariable
from torchup.apply.environment_contents import Contents, Known
from torchup.model.plan import Command

OnLine = Callable[[str], None]
FileKind = Literal["absent", "file", "directory", "dangling-link", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What is at a path, links followed: the bytes of a regular file, or its kind.

    `mode` holds the permission bits of a file or directory; `empty` is about a directory, whose entries are `names`.
    """

    kind: FileKind
    content: bytes | None = None
    mode: int | None = None
    empty: bool = False
    names: tuple[str, ...] = ()
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


@dataclass(frozen=True, slots=True, order=True)
class SystemPackage:
    """A package of the operating system that is installed, whole or in part.

    `version` is as the manager writes it, with epoch and release. `whole` is False for one that was unpacked
    and not configured: it is there, and something of it is missing.
    """

    name: str
    version: str = ""
    architecture: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What an installed package needs and provides, by the names that packages call it.

    Each of `needs` is met by any of its names; versions are left out. `asked_for` tells a package that somebody
    wanted from one that came along with another; None where the manager does not say.
    """

    needs: tuple[frozenset[str], ...] = ()
    provides: frozenset[str] = frozenset()
    asked_for: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brings:
    """What a command is to bring about.

    The real system looks for itself afterwards; the recording one believes it. `distributions` are what an
    interpreter is expected to have more, by canonical name; `packages` what the package manager `manager` is, and
    `settings` what its settings are.
    """

    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    python: str | None = None
    distributions: Mapping[str, str] = field(default_factory=dict)
    manager: str | None = None
    packages: tuple[SystemPackage, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What an environment is and holds, for the journal: see `change.EnvironmentChange`."""

    folder: Folder | None = None
    skeleton: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    as_of: int | None = None


NOTHING = Brings()
ANY_CONTENT = "any"
"""Stands for a digest where it does not matter what a file holds."""


class MachineView(Protocol):
    """A machine that can be looked at. Paths are absolute strings."""

    def look(self, path: str) -> FileState:
        """Tell what is at a path."""

    def link_target(self, path: str) -> str | None:
        """Tell where a symbolic link leads, None when there is no link at this path."""

    def folder(self, path: str) -> Folder | None:
        """Tell which folder is at a path, None when there is none or a link."""

    def another_folder(self, path: str, made: Folder | None, run: str | None = None) -> str | None:
        """Say why what is at a path is not the folder that was made there, or not this run's environment; None where it is."""

    def environment_contents(self, known: Known, absent: Collection[str] = ()) -> Contents:
        """Tell what of an environment torchup brought, and what came from somebody else.

        `absent` are paths that count as gone.
        """

    def note_packages(self, environment: str, names: Collection[str] | None = None) -> Noted:
        """Tell which packages an environment holds, or those of the names, by the digests of their lists of files."""

    def edited_packages(self, environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
        """Give, for those of these packages that somebody changed since, a file that is not as it was installed."""

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Read the name and version of everything installed for an interpreter, without running it."""

    def damaged_distributions(self, python: str, names: Collection[str]) -> dict[str, str]:
        """Give, for those of the named distributions and what they require that lost files, the first such file."""

    def lacking_extras(self, python: str, requirements: Collection[str]) -> tuple[str, ...]:
        """Give those requirements of installed packages whose extras, `name[extra]`, are not installed whole."""

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Read what a package manager (apt, dnf, zypper, pacman) has installed, without changing anything."""

    def package_relations(self, manager: str) -> Mapping[SystemPackage, Relations]:
        """Read what the installed packages need of each other, without changing anything."""

    def manager_settings(self) -> frozenset[str]:
        """Read what the package managers are told: repositories and streams that are on, locks. See `manager_settings`."""

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell whether a package manager was ended in the middle of its work and has to finish it first."""

    def boot_id(self) -> str:
        """Tell this start of the machine from the next one."""

    def read_variable(self, name: str) -> UserVariable | None:
        """Read a variable of the Windows user's account, unexpanded; raises StepError elsewhere."""

    def as_root(self) -> MachineView:
        """Give the same machine as root sees it."""


class System(MachineView, Protocol):
    """A machine that can be looked at and changed.

    Two implementations exist: the real one, and the recording one of a dry run, which answers later
    questions as if the earlier changes had been made.
    """

    def write_file(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Replace or create a file atomically; links, owner and extended attributes are kept.

        `mode` is set when it is given; None keeps the mode, and gives a new file 0644. With `create`
        False a missing file is an error. `expected` is the sha256 of what was seen there, None for no
        file: anything else is left alone. Raises StepError.
        """

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Create a directory and its missing parents; return those that were created, outermost first."""

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link where nothing is. Raises StepError."""

    def remove_link(self, path: str) -> None:
        """Remove a symbolic link; anything else is left alone."""

    def remove_file(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Remove a file; a missing one is fine. `expected` is as for `write_file`."""

    def clean(self, path: str) -> None:
        """Remove the temporary files that a killed run left beside a file."""

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is missing or not empty is left alone."""

    def note_environment(self, path: str, run: str) -> Noted:
        """Leave the marker of this run in an environment that was just made, and tell what it holds."""

    def remove_contents(self, contents: Contents, *, keep_folder: bool = False) -> None:
        """Remove what torchup brought into an environment, and the folder itself when nothing else is in it.

        With `keep_folder` it stays, empty. Raises StepError when some of that stays.
        """

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command in its own process group with standard input closed."""

    def fetch(self, url: str, path: str, *, sha256: str | None, mode: int, on_output: Callable[[str], None]) -> None:
        """Fetch a file to a path, whole or not at all. Raises StepError, also for another digest."""

    def as_root(self) -> System:
        """Give the same machine, whose files are written and removed by root."""

    def enroll(self, command: Command, *, on_output: Callable[[str], None] | None = None) -> Completed:
        """Run `mokutil --import` with the hash of a one-time password that only the person gets to see."""

    def write_variable(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a variable of the Windows user's account; raises StepError."""
