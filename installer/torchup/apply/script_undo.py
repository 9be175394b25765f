"""How a person takes back what a printed script did: torchup keeps a journal of its own runs alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from torchup.apply.posix import comment, words
from torchup.apply.recording_system import Effect, Fetched, Linked, MadeDirectory, Ran, Removed, Written
from torchup.model.plan import (
    AddRepository,
    CreateEnvironment,
    EditManagedBlock,
    EnrollKey,
    InstallPackages,
    InstallSystemPackages,
    Step,
)
from torchup.words import tr

Done = tuple[Step, tuple[Effect, ...]]


def by_hand(done: Iterable[Done], *, root_by: tuple[str, ...]) -> tuple[str, ...]:
    """Give comment lines that say so, with the commands, the last change first; nothing where nothing is changed."""
    steps = [(step, effects) for step, effects in done if effects]
    made = {step.path for step, effects in steps if isinstance(step, CreateEnvironment) and _ran(effects)}
    lines = list(dict.fromkeys(line for step in reversed(steps) for line in _lines(*step, made, root_by)))
    if not lines:
        return ()
    told = tr("`torchup undo` does not know what this script does. To take it back by hand afterwards:")
    return (comment(told), *(_kept(line) for line in lines))


def _lines(step: Step, effects: tuple[Effect, ...], made: set[str], root_by: tuple[str, ...]) -> Iterator[str]:
    match step:
        case CreateEnvironment() if step.path in made:
            yield f"rm -r {shlex.quote(step.path)}"
        case InstallPackages() if _ran(effects) and str(PurePath(step.python).parent.parent) not in made:
            yield tr("({packages}, and what came with it, stays in {python})", packages=", ".join(step.distributions),
                     python=step.python)  # fmt: skip
        case InstallSystemPackages() | AddRepository() | EnrollKey():
            yield from (words([*root_by, *command.argv]) for command in step.undo_commands)
        case EditManagedBlock() if step.body is not None:
            # A file that the script makes may hold the person's own lines by then: only the block is to go.
            yield "torchup shell remove"
            return
        case _:
            pass
    for effect in reversed(effects):
        if not _below(effect, made):
            yield from _taken_back(effect, root_by)


def _taken_back(effect: Effect, root_by: tuple[str, ...]) -> Iterator[str]:
    by = root_by if isinstance(effect, MadeDirectory | Written | Fetched | Removed) and effect.as_root else ()
    match effect:
        case Written() | Fetched() if effect.before.kind == "absent":
            yield words([*by, "rm", "-f", effect.path])
        case Written() | Fetched() | Removed():
            yield tr("(what was in {path} before is kept nowhere: copy it first)", path=effect.path)
        case Linked():
            yield words(["rm", "-f", effect.path])
        case MadeDirectory():
            yield from (words([*by, "rmdir", path]) for path in reversed(effect.paths))
        case _:
            pass


def _ran(effects: tuple[Effect, ...]) -> bool:
    return any(isinstance(effect, Ran) for effect in effects)


def _below(effect: Effect, made: set[str]) -> bool:
    paths = effect.paths if isinstance(effect, MadeDirectory) else (getattr(effect, "path", ""),)
    return any(path == place or path.startswith(f"{place}/") for path in paths for place in made)


def _kept(line: str) -> str:
    """Write a command as a comment as it stands; one with odd letters would not be the same in a comment."""
    return f"#   {line}" if line.isprintable() else comment(line)
