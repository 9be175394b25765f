"""Steps that change the operating system's packages: what is missing, bringing it, and what to do about undo."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from torchup.apply.backups import Backups, sha256
from torchup.apply.change import Left, NoChange, Prepared, SystemChange
from torchup.apply.classify import failure
from torchup.apply.interrupts import CommandInterruptedError
from torchup.apply.package_commands import CONFIGURE, expected, lacking, manager_of, naming_only, quiet
from torchup.apply.package_failures import LOCK, package_cause, package_failure
from torchup.apply.system import NOTHING, Brings, Completed, OnLine, System
from torchup.errors import StepError
from torchup.model.plan import AddRepository, Command, InstallSystemPackages, Step
from torchup.words import mark, tr

_LOCK_TRIES = 20
_PROBLEM = re.compile(r"W: (?:Failed to fetch|GPG error|An error occurred during the signature)|Err:\d")
_ADDRESS = re.compile(rb"\b(?:https?|file):/[^\s\]]+")


def prepare_system_packages(step: InstallSystemPackages, system: System, *, again: bool) -> Prepared:
    """Compare what is installed with what is wanted; packages that are there are not installed again.

    `again` says that an earlier try was cut off, so that what it left unfinished has to be finished.
    """
    installed = system.system_packages(step.manager)
    missing = lacking(step.packages, installed)
    if not missing and step.packages and not (again and system.manager_was_cut_off(step.manager)):
        return Prepared(change=NoChange(), detail=tr("{packages} installed already", packages=", ".join(step.packages)))
    names = "\n".join(sorted({package.name for package in installed})).encode()
    there = [word for word in step.packages if word not in missing]
    change = SystemChange(
        manager=step.manager,
        before_sha256=sha256(names),
        undo_commands=naming_only(step.undo_commands, step.packages, there),
    )
    return Prepared(
        change=change,
        detail=tr("{packages} installed", packages=", ".join(missing or step.packages)),
        contents=(names,),
    )


def perform_system_packages(
    step: InstallSystemPackages, change: SystemChange, system: System, on_line: OnLine, *, again: bool
) -> SystemChange:
    """Install, and look whether everything is there. Finishes first what an earlier try left half done."""
    brings = Brings(manager=step.manager, packages=tuple(map(expected, step.packages)))
    absent = lacking(step.packages, system.system_packages(step.manager))
    commands = naming_only(step.commands, step.packages, [word for word in step.packages if word not in absent])
    first = (CONFIGURE,) if again and system.manager_was_cut_off(step.manager) else ()
    run_quietly(step, (*first, *commands), system, on_line, brings=brings)
    missing = lacking(step.packages, system.system_packages(step.manager))
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
    return change


def revert_system_packages(
    step: InstallSystemPackages, change: SystemChange, system: System, backups: Backups
) -> Left | None:
    """Tell how the packages are removed, where any of those that the step brought is still there."""
    if change.before_sha256 is None or (known := backups.read(change.before_sha256)) is None:
        return by_hand(step, change)
    before = frozenset(known.decode().split("\n"))
    now = {package.name: package for package in system.system_packages(step.manager)}
    cut_off = system.manager_was_cut_off(step.manager)
    if not cut_off and all(name in before for name in now):
        return None
    return by_hand(step, change, first=(CONFIGURE,) if cut_off else ())


def prepare_repository(step: AddRepository, system: System, *, later: Sequence[Step]) -> Prepared:
    """See whether the repository is known and whether anything is still to come from it."""
    absent = [path for path in step.creates if system.look(path).kind == "absent"]
    wanted = [item for item in later if isinstance(item, InstallSystemPackages)]
    needed = [item for item in wanted if lacking(item.packages, system.system_packages(item.manager))]
    if not absent and not needed and (step.creates or wanted):
        return Prepared(change=NoChange(), detail=tr("{name} is known, and nothing is to come from it", name=step.name))
    return Prepared(
        change=SystemChange(undo_commands=step.undo_commands), detail=tr("{name} is made known", name=step.name)
    )


def perform_repository(step: AddRepository, change: SystemChange, system: System, on_line: OnLine) -> SystemChange:
    """Run its commands. apt reports success where it could not read a list: whether it was ours is seen here."""
    said: list[str] = []

    def take(line: str) -> None:
        said.append(line)
        on_line(line)

    run_quietly(step, step.commands, system, take, brings=Brings(files=step.creates))
    problems = tuple(line for line in said if _PROBLEM.match(line))
    read_any = any(line.startswith(("Get:", "Hit:")) for line in said)
    addresses = {address for path in step.creates for address in _addresses(system.look(path).content)}
    ours = tuple(line for line in problems if any(address in line for address in addresses))
    if ours or (problems and not read_any):
        done = Completed(returncode=100, tail="\n".join(ours or problems))
        raise package_failure(step, step.commands[-1], done, "apt")
    return change


def _addresses(content: bytes | None) -> frozenset[str]:
    """Find the addresses of repositories in a sources file."""
    return frozenset(match.decode().rstrip("/") for match in _ADDRESS.findall(content or b""))


def by_hand(step: Step, change: SystemChange, *, first: tuple[Command, ...] = ()) -> Left | None:
    """Say that something of the system's stays, and how it is taken back; None when there is nothing to it."""
    commands = tuple(shlex.join(command.argv) for command in (*first, *change.undo_commands))
    if isinstance(step, AddRepository) and not commands:
        return None
    text = (
        mark("“{summary}” stays: the operating system's packages are not taken back. To take it back, run as root:")
        if commands
        else mark("“{summary}” stays: the operating system's packages are not taken back.")
    )
    return Left(text=tr(text, summary=step.summary), diff=commands)


def run_quietly(
    step: Step, commands: Sequence[Command], system: System, on_line: OnLine, *, brings: Brings = NOTHING
) -> None:
    """Run a package manager's commands; one that meets a lock waits for it and is run again.

    Raises StepError, and CommandInterruptedError for one that the person stopped.
    """
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        done = _until_free(step, quiet(command), system, on_line, brings if last else NOTHING)
        if done.interrupted:
            raise CommandInterruptedError
        if done.returncode != 0:
            manager = manager_of(command.argv)
            raise package_failure(step, command, done, manager) if manager else failure(step, command, done)


def _until_free(step: Step, command: Command, system: System, on_line: OnLine, brings: Brings) -> Completed:
    # The lock was free a moment ago, or this command would not have been started: another program was quicker.
    for _ in range(_LOCK_TRIES):
        done = system.run(command, as_root=step.privilege == "root", brings=brings, on_output=on_line)
        found = package_cause(done.tail) if done.returncode != 0 and not done.interrupted else None
        if found is None or found.code != LOCK:
            break
    return done
