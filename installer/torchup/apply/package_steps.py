"""Steps that install the operating system's packages: what is missing, bringing it, and what to do about undo."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from torchup.apply.backups import Backups, sha256
from torchup.apply.brought_packages import came, listed, read_list, staying, still_there
from torchup.apply.change import Change, Left, NoChange, Prepared, SystemChange
from torchup.apply.package_commands import CONFIGURE, expected, lacking, naming_only
from torchup.apply.package_runs import run_quietly
from torchup.apply.system import Brings, OnLine, Relations, System, SystemPackage
from torchup.errors import StepError
from torchup.knowledge.recipes import removal_words
from torchup.model.plan import Command, InstallSystemPackages
from torchup.words import mark, tr

_LOCK_TRIES = 20
_PROBLEM = re.compile(r"W: (?:Failed to fetch|GPG error|An error occurred during the signature)|Err:\d")
_ADDRESS = re.compile(rb"\b(?:https?|file):/[^\s\]]+")


def prepare_system_packages(
    step: InstallSystemPackages, system: System, *, again: bool, kept: bytes | None
) -> Prepared:
    """Compare what is installed with what is wanted; packages that are there are not installed again.

    `again` says that an earlier try was cut off, so that what it left unfinished has to be finished; `kept` is then
    what was installed before that try.
    """
    installed = system.system_packages(step.manager)
    missing = lacking(step.packages, installed)
    if not missing and step.packages and not (again and system.manager_was_cut_off(step.manager)):
        return Prepared(change=NoChange(), detail=tr("{packages} installed already", packages=", ".join(step.packages)))
    before = kept if kept is not None else listed(installed)
    there = [word for word in step.packages if word not in missing]
    change = SystemChange(
        manager=step.manager,
        before_sha256=sha256(before),
        undo_commands=naming_only(step.undo_commands, step.packages, there),
    )
    return Prepared(
        change=change,
        detail=tr("{packages} installed", packages=", ".join(missing or step.packages)),
        contents=(before,),
    )


def perform_system_packages(
    step: InstallSystemPackages,
    prepared: Prepared,
    change: SystemChange,
    system: System,
    on_line: OnLine,
    *,
    again: bool,
) -> SystemChange:
    """Install, and look whether everything is there. Finishes first what an earlier try left half done."""
    brings = Brings(manager=step.manager, packages=tuple(map(expected, step.packages)))
    absent = lacking(step.packages, system.system_packages(step.manager))
    commands = naming_only(step.commands, step.packages, [word for word in step.packages if word not in absent])
    first = (CONFIGURE,) if again and system.manager_was_cut_off(step.manager) else ()
    run_quietly(step, (*first, *commands), system, on_line, brings=brings)
    after = system.system_packages(step.manager)
    missing = lacking(step.packages, after)
    if missing:
        raise StepError(
            tr(
                "{summary}: {manager} reported success, but {packages} is not installed.",
                summary=step.summary,
                manager=step.manager,
                packages=", ".join(missing),
            ),
            code="not-installed",
            hint=tr("Look at the log. Another package may provide it under that name, or it was put on hold."),
        )
    brought = came(step.manager, read_list(prepared.contents[0]), after)
    asked = _asked_for(system.package_relations(step.manager), still_there(brought, after))
    return replace(change, brought=brought, dependencies=tuple(word for word in brought if asked.get(word) is False))


def revert_system_packages(
    step: InstallSystemPackages,
    change: SystemChange,
    system: System,
    backups: Backups,
    on_line: OnLine,
    *,
    leaving: Collection[str],
) -> Left | None:
    """Tell how the packages are removed that the step brought, where any of those is still there.

    What something else needs, or what somebody asked for since, stays; `leaving` is all that the run brought.
    """
    if change.before_sha256 is None or (known := backups.read(change.before_sha256)) is None:
        return _by_hand(step, change)
    now = system.system_packages(step.manager)
    brought = change.brought if change.brought is not None else came(step.manager, read_list(known), now)
    there = still_there(brought, now)
    first = (CONFIGURE,) if system.manager_was_cut_off(step.manager) else ()
    if not there and not first:
        return None
    going = _may_go(change, system.package_relations(step.manager), there, still_there(leaving, now), on_line)
    if not going and not first:
        return None
    return _by_hand(step, change, first=first, going=tuple(going))


def _may_go(
    change: SystemChange,
    relations: Mapping[SystemPackage, Relations],
    there: Mapping[str, tuple[SystemPackage, ...]],
    leaving: Mapping[str, tuple[SystemPackage, ...]],
    on_line: OnLine,
) -> list[str]:
    """Leave out what has to stay, and say why."""
    asked = _asked_for(relations, there)
    wanted = [word for word in change.dependencies if asked.get(word)]
    kept = {package for word in wanted for package in there[word]}
    everything = {package for found in (*there.values(), *leaving.values()) for package in found} - kept
    needed = staying(everything, relations)
    going = []
    for word, packages in there.items():
        needer = next((needed[package] for package in packages if package in needed), None)
        if word in wanted:
            on_line(tr("{package} stays: somebody asked for it since.", package=word))
        elif needer is not None:
            on_line(tr("{package} stays: {needer} needs it.", package=word, needer=needer))
        else:
            going.append(word)
    return going


def _asked_for(
    relations: Mapping[SystemPackage, Relations], packages: Mapping[str, tuple[SystemPackage, ...]]
) -> dict[str, bool | None]:
    return {
        word: next((relations[package].asked_for for package in found if package in relations), None)
        for word, found in packages.items()
    }


def brought_by(changes: Iterable[Change]) -> tuple[str, ...]:
    """Name all packages that these changes brought."""
    found = (change for change in changes if isinstance(change, SystemChange) and change.manager is not None)
    return tuple(word for change in found for word in change.brought or ())


def _by_hand(
    step: InstallSystemPackages,
    change: SystemChange,
    *,
    first: tuple[Command, ...] = (),
    going: tuple[str, ...] | None = None,
) -> Left:
    """Say that packages stay, and how they are removed: those of `going`, where it is known what may go."""
    undoing = change.undo_commands if going is None else _removing(step, change, going)
    commands = tuple(shlex.join(command.argv) for command in (*first, *undoing))
    text = (
        mark("“{summary}” stays: the operating system's packages are not taken back. To take it back, run as root:")
        if commands
        else mark("“{summary}” stays: the operating system's packages are not taken back.")
    )
    return Left(text=tr(text, summary=step.summary), diff=commands)


def _removing(step: InstallSystemPackages, change: SystemChange, going: tuple[str, ...]) -> tuple[Command, ...]:
    """Have the step's own command remove exactly these packages; without one, the manager's."""
    if not going:
        return ()
    named = frozenset(step.packages) | {expected(spec).name for spec in step.packages}
    undoing = (*step.undo_commands, *change.undo_commands)
    own = next((command for command in undoing if named.intersection(command.argv)), None)
    words = tuple(word for word in own.argv if word not in named) if own else removal_words(step.manager)
    others = (command for command in change.undo_commands if not named.intersection(command.argv))
    return (*others, Command(argv=(*words, *going)))
