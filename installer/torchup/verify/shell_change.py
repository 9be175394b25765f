"""What an edit of start-up files took away from new shells: readings from before compared with those from after."""

from __future__ import annotations

from collections.abc import Mapping

from torchup.own_variables import PREFIX
from torchup.shell.env_files import ShellEnvironment
from torchup.verify.shell_start import ShellReading
from torchup.verify.shells import Start
from torchup.words import tr

# These change from start to start, or are what we set.
_VOLATILE = {"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES"}
_OURS = {"CUDA_HOME", "PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PS1", "prompt"}
_OUR_PREFIXES = (PREFIX, "_OLD_VIRTUAL_")


def taken_away(
    before: Mapping[Start, ShellReading | None],
    after: Mapping[Start, ShellReading | None],
    known: ShellEnvironment,
) -> tuple[str, ...]:
    """Say what new shells had before the edit and lack now, a sentence for each.

    A shell that did not come up before says nothing. Values are not compared, because a start-up file may
    set them anew each time (a date, a socket); names, entries of the search paths and complaints about
    our own files are.
    """
    found: list[str] = []
    for start, old in before.items():
        new = after.get(start)
        if old is None or new is None or old.variables is None:
            continue
        found.extend(f"{start.mode} {start.shell}: {text}" for text in _lost(old, new, known))
    return tuple(found)


def _lost(old: ShellReading, new: ShellReading, known: ShellEnvironment) -> list[str]:
    if new.variables is None:
        return [
            tr(
                "it ran a command before, and now {problem}. {complaint}",
                problem=new.problem,
                complaint=_first(new.complaint),
            ).strip()
        ]
    names = sorted(
        name
        for name in set(old.variables or {}) - set(new.variables)
        if name not in _VOLATILE | _OURS and not name.startswith(_OUR_PREFIXES)
    )
    found = [tr("the variable {name} is not set any more", name=name) for name in names]
    ours = {*known.bin_dirs, *known.library_dirs, f"{known.environment}/bin"}
    for name, record in (("PATH", "TORCHUP_PATH_ENTRIES"), ("LD_LIBRARY_PATH", "TORCHUP_LIBRARY_ENTRIES")):
        earlier = _entries(old, name) - _entries(old, record) - ours
        # A file that looks for a toolkit of its own where there is none may well stop to do so.
        gone = sorted(entry for entry in earlier - _entries(new, name) if "cuda" not in entry.lower())
        found += [tr("{entry} is not in {name} any more", entry=entry, name=name) for entry in gone]
    said = set(old.complaint.splitlines())
    found += [line for line in new.complaint.splitlines() if "torchup" in line and line not in said]
    return found


def _entries(reading: ShellReading, name: str) -> set[str]:
    return {entry for entry in (reading.get(name) or "").split(":") if entry}


def _first(complaint: str) -> str:
    return complaint.splitlines()[0] if complaint else ""
