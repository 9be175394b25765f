"""The plan: an ordered list of steps of a closed set of kinds, as data (DESIGN section 4.4).

No step holds a function. Paths are absolute strings. File contents are str when torchup renders
them (UTF-8, LF). A plan can be written to JSON, read on a screen, kept in the journal, and applied
only while the facts and answers it came from still hold.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.proof import ShellProof
from torchup.model.quick import dataclass

SCHEMA = 1

Privilege = Literal["user", "root"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run, as an argument vector; never a string for a shell.

    `environment` is added to the inherited one. `timeout_seconds` None means that it may take as long
    as it needs. Standard input is always closed.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDirectory:
    """Create a directory and its missing parents; undo removes those it created, if empty."""

    kind: Literal["MakeDirectory"] = "MakeDirectory"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    mode: int = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """Write a file that torchup owns; undo puts back what was there before."""

    kind: Literal["WriteFile"] = "WriteFile"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFile:
    """Remove a file that torchup owns; undo puts it back."""

    kind: Literal["RemoveFile"] = "RemoveFile"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeLink:
    """Make a symbolic link at `path` that leads to `target`, which may be relative to the link's folder.

    Nothing that is there is replaced. Undo removes the link while it still leads there.
    """

    kind: Literal["MakeLink"] = "MakeLink"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditManagedBlock:
    """Put our block into a start-up file, or take it out when `body` is None.

    `shell` is the language of the file and of `body`. `expected_sha256` is the file as the person saw
    it in the review: None when it did not exist. The step refuses a file that changed since.
    `create` says whether a missing file may be created.
    """

    kind: Literal["EditManagedBlock"] = "EditManagedBlock"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    shell: str
    body: str | None
    placement: Literal["end", "start", "before-return"] = "end"
    expected_sha256: str | None = None
    create: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserVariable:
    """Set a variable of the Windows user's account, or put entries to the front of one that is a list.

    With `is_list` the `entries` are there once afterwards, and those of an earlier run go: the variable named
    by `record` holds them. Otherwise `value` is the whole value; None removes the variable, with a `record`
    only where it is still what that one says. Undo keeps what others changed meanwhile.
    """

    kind: Literal["SetUserVariable"] = "SetUserVariable"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    name: str
    value: str | None = None
    is_list: bool = False
    entries: tuple[str, ...] = ()
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEnvironment:
    """Create a venv or conda environment at `path`; undo removes it when this run created it.

    `python` is empty for an environment without one. `provides` are the files below `path`, which one that
    is there already has to have.
    """

    kind: Literal["CreateEnvironment"] = "CreateEnvironment"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    python: str
    provides: tuple[str, ...] = ()
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPackages:
    """Install exactly these requirements into the interpreter at `python`.

    `distributions` are the `name==version` pins that must be there afterwards; they decide whether the
    step has anything to do. Where they are not `pinned`, they are requirements as a person wrote them. Undo removes what it added only when the environment existed before.
    `download_bytes` is the size of the named wheels where the sources give it, `disk_mib` an estimate of what they
    and all that they need take once unpacked.
    """

    kind: Literal["InstallPackages"] = "InstallPackages"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    python: str
    distributions: tuple[str, ...]
    commands: tuple[Command, ...]
    download_bytes: int | None = None
    disk_mib: int | None = None
    pinned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLock:
    """Have what is installed for `python` written to `path` as pylock.toml (PEP 751).

    `listed` is the list of exact pins that the lock is made from. The first command writes it, the others are ways to
    make the lock, the best first. A lock that cannot be written fails nothing.
    """

    kind: Literal["WriteLock"] = "WriteLock"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    listed: str
    python: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallSystemPackages:
    """Install packages of the operating system; undo is offered as commands and never done silently.

    `manager` is apt, dnf, zypper or pacman. `packages` must be there afterwards, and decide whether the
    step has anything to do: names, or as the manager takes them `name=1.2*` (apt), `name-1.2` (rpm),
    `name:arch`, or the path of a package file. The manager is kept from asking, whatever `commands` say:
    see `apply.package_commands`. A first command that only downloads can be stopped at once by Ctrl-C.
    """

    kind: Literal["InstallSystemPackages"] = "InstallSystemPackages"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"
    manager: str
    packages: tuple[str, ...]
    commands: tuple[Command, ...]
    undo_commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRepository:
    """Make a package repository known to the system's package manager.

    The repository's file and key are best steps of their own (`Download`, `WriteFile`), which torchup can
    take back; `commands` then only make the manager read them, and can be repeated without harm. The step
    is left out when every file of `creates` is there and no later step has a package to install. Without
    `undo_commands` there is nothing to take back.
    """

    kind: Literal["AddRepository"] = "AddRepository"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"
    name: str
    commands: tuple[Command, ...]
    creates: tuple[str, ...] = ()
    undo_commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPackages:
    """Have the system's package manager leave packages on their branch.

    `holds` are the entries that its list of locks has afterwards, and decide whether the step has anything to do.
    Undo is offered as commands, while any of those that the step brought is still there.
    """

    kind: Literal["HoldPackages"] = "HoldPackages"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"
    manager: str
    holds: tuple[str, ...]
    commands: tuple[Command, ...]
    undo_commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Fetch `url` to `path`; undo puts back what was there before.

    A file whose `sha256` (hex) is another one is refused and not kept. None means that no digest is
    known; then the file is fetched only where there is none, and only over https.
    """

    kind: Literal["Download"] = "Download"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    url: str
    path: str
    sha256: str | None
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollKey:
    """Register the key at `key_path`, which signs kernel modules, with Secure Boot.

    `commands` are what a person types (`mokutil --import KEY`); torchup adds a file with the hash of a
    one-time password, which the person enters once more at the next start of the machine.
    """

    kind: Literal["EnrollKey"] = "EnrollKey"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"
    key_path: str
    commands: tuple[Command, ...]
    undo_commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """Stop here until the machine has been restarted; nothing restarts it unless told."""

    kind: Literal["Reboot"] = "Reboot"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDriver:
    """See whether the kernel has loaded the driver that was planned; belongs behind a `Reboot`.

    `branch` is the first number of the version, `minimum` a whole version, `module` None where either
    kind will do. `commands` is what a person would run by hand.
    """

    kind: Literal["CheckDriver"] = "CheckDriver"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    branch: str
    module: Literal["open", "proprietary"] | None
    minimum: str | None
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Run the tensor test in the environment's interpreter, and start the shells that were configured.

    `commands` is what a person would run by hand.
    """

    kind: Literal["Verify"] = "Verify"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    python: str
    level: Literal["quick", "standard", "full"]
    expected_version: str
    expected_variant: str
    on_failure: Literal["fail", "warn"] = "fail"
    shells: ShellProof | None = None
    commands: tuple[Command, ...] = ()


Step = (
    MakeDirectory
    | WriteFile
    | RemoveFile
    | MakeLink
    | EditManagedBlock
    | SetUserVariable
    | CreateEnvironment
    | InstallPackages
    | WriteLock
    | InstallSystemPackages
    | AddRepository
    | HoldPackages
    | Download
    | EnrollKey
    | Reboot
    | CheckDriver
    | Verify
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuild:
    """The build of torch that a plan puts there, as it was decided.

    The version alone does not tell the variant: wheels of the default index carry no label. `version` is that of the
    wheel, label and all; `python` the interpreter that gets it, `source` and `index` where it comes from.
    """

    python: str
    version: str
    variant: str
    source: str
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The ordered steps, and the digests of what they were made from.

    `facts_digest` and `request_digest` are the sha256 of the canonical JSON of both; a plan is applied
    only while they still hold. `warnings` are sentences for the review screen. `left_out` says what was
    wanted and cannot be done, so that the run ends as degraded. `shells` are the new shells that are watched
    while start-up files are edited. `build` is None in plans that install no torch, and in those of torchup 0.1.
    """

    schema: int = SCHEMA
    tool_version: str
    facts_digest: str
    request_digest: str
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    shells: ShellProof | None = None
    build: PlannedBuild | None = None
