"""Steps that tell package managers something: repositories and streams, and locks that hold packages on a branch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from torchup.apply.backups import Backups, sha256
from torchup.apply.change import Left, NoChange, Prepared, SystemChange
from torchup.apply.package_commands import lacking
from torchup.apply.package_failures import package_failure
from torchup.apply.package_runs import run_quietly
from torchup.apply.system import Brings, Completed, OnLine, System
from torchup.errors import StepError
from torchup.model.plan import AddRepository, HoldPackages, InstallSystemPackages, Step
from torchup.words import tr

_PROBLEM = re.compile(r"W: (?:Failed to fetch|GPG error|An error occurred during the signature)|Err:\d")
_ADDRESS = re.compile(rb"\b(?:https?|file):/[^\s\]]+")


def prepare_repository(step: AddRepository, system: System, *, later: Sequence[Step], kept: bytes | None) -> Prepared:
    """See whether the repository is known and whether anything is still to come from it."""
    absent = [path for path in step.creates if system.look(path).kind == "absent"]
    wanted = [item for item in later if isinstance(item, InstallSystemPackages)]
    needed = [item for item in wanted if lacking(item.packages, system.system_packages(item.manager))]
    if not absent and not needed and (step.creates or wanted):
        return Prepared(change=NoChange(), detail=tr("{name} is known, and nothing is to come from it", name=step.name))
    before = kept if kept is not None else _lines(system.manager_settings())
    change = SystemChange(before_sha256=sha256(before), undo_commands=step.undo_commands)
    return Prepared(change=change, detail=tr("{name} is made known", name=step.name), contents=(before,))


def perform_repository(
    step: AddRepository, prepared: Prepared, change: SystemChange, system: System, on_line: OnLine
) -> SystemChange:
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
    return _with_settings(prepared, change, system.manager_settings())


def _addresses(content: bytes | None) -> frozenset[str]:
    """Find the addresses of repositories in a sources file."""
    return frozenset(match.decode().rstrip("/") for match in _ADDRESS.findall(content or b""))


def prepare_hold(step: HoldPackages, system: System, *, kept: bytes | None) -> Prepared:
    """See whether the packages are held already."""
    settings = system.manager_settings()
    if settings.issuperset(step.holds):
        return Prepared(change=NoChange(), detail=tr("held already: {holds}", holds=", ".join(step.holds)))
    before = kept if kept is not None else _lines(settings)
    change = SystemChange(before_sha256=sha256(before), undo_commands=step.undo_commands)
    return Prepared(change=change, detail=tr("held: {holds}", holds=", ".join(step.holds)), contents=(before,))


def perform_hold(
    step: HoldPackages, prepared: Prepared, change: SystemChange, system: System, on_line: OnLine
) -> SystemChange:
    """Hold them, and look whether they are held: dnf reports success where it finds nothing to lock."""
    run_quietly(step, step.commands, system, on_line, brings=Brings(settings=step.holds))
    settings = system.manager_settings()
    if missing := [entry for entry in step.holds if entry not in settings]:
        raise StepError(
            tr(
                "{summary}: {manager} reported success, but nothing holds {holds}.",
                summary=step.summary,
                manager=step.manager,
                holds=", ".join(missing),
            ),
            code="not-held",
            hint=tr("Look at the log. Its version lock may be switched off in its settings."),
        )
    return _with_settings(prepared, change, settings)


def revert_settings(step: Step, change: SystemChange, system: System, backups: Backups) -> Left | None:
    """Tell how settings are taken back, while any of those that the step brought is still there."""
    known = backups.read(change.before_sha256) if change.before_sha256 is not None else None
    if known is None:
        return _by_hand(step, change)
    settings = system.manager_settings()
    brought = set(change.brought) if change.brought is not None else settings - set(known.decode().split("\n"))
    return _by_hand(step, change) if settings & brought else None


def _with_settings(prepared: Prepared, change: SystemChange, settings: frozenset[str]) -> SystemChange:
    before = set(prepared.contents[0].decode().split("\n"))
    return replace(change, brought=tuple(sorted(settings - before)))


def _lines(settings: frozenset[str]) -> bytes:
    return "\n".join(sorted(settings)).encode()


def _by_hand(step: Step, change: SystemChange) -> Left | None:
    """Say that settings stay, and how they are taken back; None where nothing is to be taken back."""
    if not change.undo_commands:
        return None
    return Left(
        text=tr(
            "“{summary}” stays: the package manager's settings are not taken back. To take it back, run as root:",
            summary=step.summary,
        ),
        diff=tuple(shlex.join(command.argv) for command in change.undo_commands),
    )
