"""What a step changes, as the journal keeps it: enough to go on with the step, and to take it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torchup.model.plan import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class NoChange:
    """The step found everything as it is to be."""

    kind: Literal["nothing"] = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file's bytes or mode; a digest of None means that there is no file. The bytes are in the backups."""

    kind: Literal["file"] = "file"
    path: str
    before_sha256: str | None
    before_mode: int | None = None
    after_sha256: str | None
    after_mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryChange:
    """Directories that were missing, outermost first."""

    kind: Literal["directory"] = "directory"
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """A symbolic link made where there was nothing."""

    kind: Literal["link"] = "link"
    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    """An environment made where there was nothing, or an empty folder with this mode."""

    kind: Literal["environment"] = "environment"
    path: str
    empty_mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesChange:
    """Packages put into the environment at `environment`; `after` is known when the step has finished.

    `new_environment` says that the same run made that environment, which then goes as a whole.
    """

    kind: Literal["packages"] = "packages"
    python: str
    environment: str
    new_environment: bool
    before: dict[str, str]
    after: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """A lock and the list it is made from: digests by path, None where there is no file.

    `after` is known when the step has finished; `problem` says why there is no lock.
    """

    kind: Literal["lock"] = "lock"
    before: dict[str, str | None]
    after: dict[str, str | None] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserVariable:
    """A variable of the Windows user's account; `expand` says that Windows fills in `%NAME%` (REG_EXPAND_SZ)."""

    value: str
    expand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableChange:
    """A variable of the Windows user's account; `added` and `dropped` are entries of one that is a list."""

    kind: Literal["variable"] = "variable"
    name: str
    before: UserVariable | None
    after: UserVariable | None
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemChange:
    """Something that belongs to the operating system: taken back by hand, with these commands.

    `before_sha256` are the names of what `manager` had installed, one a line; the bytes are in the backups.
    """

    kind: Literal["system"] = "system"
    manager: str | None = None
    before_sha256: str | None = None
    undo_commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartChange:
    """The machine is to be restarted; `boot_id` is the start during which this was asked for."""

    kind: Literal["restart"] = "restart"
    boot_id: str


Change = (
    NoChange
    | FileChange
    | DirectoryChange
    | LinkChange
    | EnvironmentChange
    | PackagesChange
    | LockChange
    | VariableChange
    | SystemChange
    | RestartChange
)


def backups_of(change: Change) -> frozenset[str]:
    """Name the backups, by their digests, that putting this change back may need."""
    match change:
        case FileChange():
            digests = {change.before_sha256, change.after_sha256}
        case LockChange():
            digests = {*change.before.values(), *(change.after or {}).values()}
        case SystemChange():
            digests = {change.before_sha256}
        case _:
            digests = set()
    return frozenset(digest for digest in digests if digest is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a step is about to do, seen before it does anything.

    `contents` are bytes that must be kept before it starts: those that were there, and those to come.
    """

    change: Change
    detail: str
    content: bytes | None = None
    contents: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def unchanged(self) -> bool:
        """Tell whether there is nothing to do."""
        return isinstance(self.change, NoChange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What an undo leaves as it is, and why; `diff` shows how it differs from what torchup wrote."""

    text: str
    diff: tuple[str, ...] = ()
