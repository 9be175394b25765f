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
class Folder:
    """What a folder was when it was made: where it really lies, which one it is there, and whose.

    `owner` is None on a system without such numbers.
    """

    real_path: str
    device: int
    inode: int
    owner: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryChange:
    """Directories that were missing, outermost first; `folders` are what they were, known when they are made."""

    kind: Literal["directory"] = "directory"
    paths: tuple[str, ...]
    folders: tuple[Folder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """A symbolic link made where there was nothing."""

    kind: Literal["link"] = "link"
    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time in which a step worked, in nanoseconds as files have it; `until` is None for one that was killed."""

    since: int
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    """An environment made where there was nothing, or an empty folder with this mode.

    What follows is known when it is made: the `folder`, the `run` that its marker names, and what came with it.
    `skeleton` has the files that no package owns, by path below the environment: a sha256, `-> TARGET` for a link,
    `/` for a folder. `records` has the sha256 of each package's list of files, and `as_of` the moment, on the clock
    of the file system, at which all of that was as it says. `span` is there until then.
    """

    kind: Literal["environment"] = "environment"
    path: str
    empty_mode: int | None = None
    folder: Folder | None = None
    run: str = ""
    skeleton: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    as_of: int | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesChange:
    """Packages put into the environment at `environment`; `after` is known when the step has finished.

    `new_environment` says that the same run made that environment, which then goes as a whole. `folder` is what an
    environment that was there before was. `records`, `as_of` and `span` are as for `EnvironmentChange`.
    """

    kind: Literal["packages"] = "packages"
    python: str
    environment: str
    new_environment: bool
    before: dict[str, str]
    after: dict[str, str] | None = None
    folder: Folder | None = None
    records: dict[str, str] = field(default_factory=dict)
    as_of: int | None = None
    span: Span | None = None


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

    `before_sha256` is what `manager` had installed, or how it was set, one a line; the bytes are in the backups.
    `brought` is what was there more when the step had finished, None before that: packages as the manager takes
    them, or settings. `dependencies` are those of the packages that came along with others.
    """

    kind: Literal["system"] = "system"
    manager: str | None = None
    before_sha256: str | None = None
    undo_commands: tuple[Command, ...] = ()
    brought: tuple[str, ...] | None = None
    dependencies: tuple[str, ...] = ()


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


def is_change(change: Change) -> bool:
    """Tell whether a change changed anything: a lock that could not be written, for one, did not."""
    if isinstance(change, LockChange):
        return change.after != change.before
    return not isinstance(change, NoChange)


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
    """What an undo leaves as it is, and why; `diff` shows how it differs from what torchup wrote.

    `kept` names what stays: paths and packages.
    """

    text: str
    diff: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What became of a change: what was `removed` and `restored` (paths and packages), and what is `left`.

    `stays` are folders that are in use by now: nothing is left to be done about them.
    """

    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    left: Left | None = None
