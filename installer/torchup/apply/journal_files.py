"""The files of the journal: their names, their order, and the number of the next run.

Runs are ordered by number, never by a clock, which people and machines set back and forth. torchup 0.1.0 named
its files by the time (`20261125T224856-001.jsonl`): those come before all that have a number, in the order of
their names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.posix import words
from torchup.errors import RefusedError
from torchup.reading import reason
from torchup.words import tr

SUFFIX = ".jsonl"
_NUMBERED = re.compile(r"run-(?P<number>[0-9]{4,})")
_TIMED = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9]{3}")


@dataclass(frozen=True, slots=True, order=True)
class JournalFile:
    """One file of the journal; they compare by the order of their runs. `number` is 0 where only a time is known."""

    number: int
    path: Path


def run_name(number: int) -> str:
    """Name the run with this number, as its file is named without the suffix."""
    return f"run-{number:04}"


def next_number(files: Sequence[JournalFile]) -> int:
    """Give the number of the next run: above all that were given, those of 0.1.0 counted too."""
    return max(len(files), *(file.number for file in files), 0) + 1


def journal_files(folder: Path) -> tuple[JournalFile, ...]:
    """List the files of the journal, oldest run first; none where there is no folder.

    Raises RefusedError (journal-unreadable) for a folder that cannot be listed, and for a name that torchup
    does not give: a copy of a journal would be a second record of the same run.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        _require_absent(folder)
        return ()
    except OSError as error:
        raise unreadable(folder, reason(error)) from error
    return tuple(sorted(_named(path) for path in paths if path.name.endswith(SUFFIX)))


def unreadable(path: Path, why: str) -> RefusedError:
    """Say that the journal, or one file of it, cannot be read; what to do keeps every change and every backup."""
    return RefusedError(
        tr("The journal {path} cannot be read, so it is not known what torchup changed here.", path=path),
        code="journal-unreadable",
        evidence=(f"{path}: {why}",),
        hint=tr(
            "Correct its owner, its mode or its content, and run again. Where that cannot be done, move it away; what "
            "it tells of can then not be undone any more: {command}",
            command=words(["mv", str(path), f"{path}.unreadable"]),
        ),
    )


def _named(path: Path) -> JournalFile:
    found = _NUMBERED.fullmatch(path.stem)
    if found and run_name(int(found["number"])) == path.stem:
        return JournalFile(number=int(found["number"]), path=path)
    if _TIMED.fullmatch(path.stem):
        return JournalFile(number=0, path=path)
    raise unreadable(path, tr("no journal of torchup has such a name"))


def _require_absent(folder: Path) -> None:
    """Tell a folder that is not there from one that is out of reach: behind a link that leads nowhere, for one."""
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():
            raise unreadable(folder, tr("{path} is a link that leads nowhere", path=place))
        if place.is_symlink() or place.exists():
            return
