"""What came of choosing start-up files: those to edit, and the others with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torchup.shell.kinds import SHELLS
from torchup.shell.kinds.kind import StartupFile
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedShell:
    """A shell that gets nothing, and why."""

    shell: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unedited:
    """Why a chosen start-up file is not edited.

    `served`: its shell has the settings already, from another file. `opted-out`: the person made it a thing
    that holds no lines, as a link to /dev/null. `unusable`: it cannot be written as it is; `hint` says what
    would change that.
    """

    kind: Literal["served", "opted-out", "unusable"]
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the shells and the disk tell when they are asked; the defaults ask nobody.

    `profiles` are start-up files by shell, as the shell itself names them; `files` are further start-up files
    that exist. `look` tells which of the chosen files are not to be edited, by path.
    """

    profiles: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    look: Callable[[tuple[StartupFile, ...]], Mapping[str, Unedited]] = lambda _files: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A shell whose lines a person adds, because torchup does not: to `path` where that is known.

    `language` is None for a shell that torchup has no file for.
    """

    shell: str
    language: str | None
    path: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupChoice:
    """The files to edit in order, the shells left out, and sentences for the review screen.

    `served` are files that need no edit because their shell has the settings already. `by_hand` are the
    shells that get lines to add instead; `left_out` says which files should have been edited and could not.
    """

    files: tuple[StartupFile, ...] = ()
    skipped: tuple[SkippedShell, ...] = ()
    notes: tuple[str, ...] = ()
    served: tuple[StartupFile, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    left_out: tuple[str, ...] = ()

    def printed_only(self, why: str) -> StartupChoice:
        """Edit no file and have the lines added by hand, all for one reason."""
        by_hand = [ByHand(shell=file.shell, language=file.language, path=file.path, why=why) for file in self.files]
        # Where nothing is written, what a block would not reach goes without saying.
        unsaid = {tr(shell.scope_notes["interactive"]) for shell in SHELLS if "interactive" in shell.scope_notes}
        notes = tuple(note for note in self.notes if note not in unsaid)
        return replace(self, files=(), by_hand=(*self.by_hand, *by_hand), notes=notes)

    def without(self, unedited: Mapping[str, Unedited]) -> StartupChoice:
        """Leave out the files that are not to be edited."""
        notes = [*self.notes]
        left_out: list[str] = []
        by_hand = [*self.by_hand]
        for file in self.files:
            found = unedited.get(file.path)
            if found is None:
                continue
            if found.kind == "unusable":
                text = tr("{path} gets no block: {why}.", path=file.path, why=found.why)
                left_out.append(f"{text} {found.hint}".rstrip())
                by_hand.append(ByHand(shell=file.shell, language=file.language, path=file.path, why=found.why))
            else:
                notes.append(tr("{path} gets no block: {why}", path=file.path, why=found.why))
        return replace(
            self,
            files=tuple(file for file in self.files if file.path not in unedited),
            notes=tuple(notes),
            served=tuple(file for file in self.files if file.path in unedited and unedited[file.path].kind == "served"),
            by_hand=tuple(by_hand),
            left_out=tuple(left_out),
        )
