"""The plan: an ordered list of steps of a closed set of kinds, as data (DESIGN section 4.4).

No step holds a function. Paths are absolute strings. File contents are str when torchup renders
them (UTF-8, LF). A plan can be written to JSON, read on a screen, kept in the journal, and applied
only while the facts and answers it came from still hold.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.quick import dataclass

SCHEMA = 1

Privilege = Literal["user", "root"]
ShellLanguage = Literal["bash", "zsh", "sh", "fish", "csh", "powershell"]


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
    shell: ShellLanguage
    body: str | None
    placement: Literal["end", "start", "before-return"] = "end"
    expected_sha256: str | None = None
    create: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEnvironment:
    """Create a venv or conda environment at `path`; undo removes it when this run created it."""

    kind: Literal["CreateEnvironment"] = "CreateEnvironment"
    id: str
    summary: str
    why: str
    privilege: Privilege = "user"
    path: str
    python: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPackages:
    """Install exactly these requirements into the interpreter at `python`.

    `distributions` are the `name==version` pins that must be there afterwards; they decide whether the
    step has anything to do. Undo removes what it added only when the environment existed before.
    `download_bytes` is the size of the named wheels where the sources give it.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallSystemPackages:
    """Install packages of the operating system; undo is offered as commands and never done silently."""

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
    """Add a package repository, its key in a keyring file of its own."""

    kind: Literal["AddRepository"] = "AddRepository"
    id: str
    summary: str
    why: str
    privilege: Privilege = "root"
    name: str
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
class StartupProof:
    """A start-up file that was written, and the ways of starting its shell that read it."""

    shell: str
    language: ShellLanguage
    path: str
    modes: tuple[Literal["login", "interactive", "script", "ssh"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellProof:
    """What new shells are to know; it is proved by starting them."""

    files: tuple[StartupProof, ...]
    cuda_home: str | None
    bin_dirs: tuple[str, ...]
    library_dirs: tuple[str, ...]
    environment: str | None


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
    | EditManagedBlock
    | CreateEnvironment
    | InstallPackages
    | InstallSystemPackages
    | AddRepository
    | Reboot
    | Verify
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The ordered steps, and the digests of what they were made from.

    `facts_digest` and `request_digest` are the sha256 of the canonical JSON of both; a plan is applied
    only while they still hold. `warnings` are sentences for the review screen. `left_out` says what was
    wanted and cannot be done, so that the run ends as degraded. `shells` are the new shells that are watched
    while start-up files are edited.
    """

    schema: int = SCHEMA
    tool_version: str
    facts_digest: str
    request_digest: str
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    shells: ShellProof | None = None
