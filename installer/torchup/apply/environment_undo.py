"""Taking environments and packages back: only what the run brought, and only where it is still as the run left it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from torchup.apply.change import Change, EnvironmentChange, Left, PackagesChange, Span, TakenBack
from torchup.apply.environment_contents import Contents, Known
from torchup.apply.interrupts import CommandInterruptedError
from torchup.apply.system import OnLine, System
from torchup.apply.unfinished import wanted_of
from torchup.errors import StepError
from torchup.model.plan import Command, CreateEnvironment, InstallPackages, Step
from torchup.words import tr

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What is to be known of a whole run while one of its steps is taken back.

    `lifetime` is that of the journal, for steps of an earlier release, which noted no times.
    """

    changes: tuple[tuple[Step, Change], ...] = ()
    lifetime: Span | None = None

    def environment_around(self, path: str) -> EnvironmentChange | None:
        """Find the environment of this run that a path is in."""
        for _, change in self.changes:
            if isinstance(change, EnvironmentChange) and path.startswith(f"{change.path}/"):
                return change
        return None


def known_environment(change: EnvironmentChange, run: Undoing) -> Known:
    """Put together what all steps of a run tell of an environment that it made."""
    records = {path: (digest, change.as_of) for path, digest in change.records.items()}
    versions: dict[str, str] = {}
    wanted: list[str] = []
    spans: list[Span] = []
    environ: dict[str, str] = {}
    program = None
    for step, other in run.changes:
        if isinstance(step, CreateEnvironment) and step.path == change.path:
            program = step.commands[0].argv[0] if step.commands else None
            if change.folder is None:
                spans += _spans(step, change.span, run)
                wanted += ["pip", "setuptools", "wheel"]
        if not (isinstance(step, InstallPackages) and isinstance(other, PackagesChange)):
            continue
        if other.environment != change.path:
            continue
        environ |= step.commands[0].environment if step.commands else {}
        records |= {path: (digest, other.as_of) for path, digest in other.records.items()}
        versions |= other.after or {}
        if other.after is None or other.span is None:
            wanted += step.distributions
            spans += _spans(step, other.span, run)
    unfinished = bool(wanted)
    return Known(
        path=change.path,
        folder=change.folder,
        run=change.run,
        skeleton=change.skeleton,
        records=records,
        versions=versions,
        wanted=tuple(wanted),
        spans=tuple(spans) if unfinished else None,
        environ=environ,
        conda=program,
    )


def revert_environment(change: EnvironmentChange, run: Undoing, system: System) -> TakenBack:
    """Remove what the run brought into an environment that it made, and the folder when nothing else is in it.

    An empty folder that was there before stays as it was.
    """
    found = system.environment_contents(known_environment(change, run))
    if found.problem is not None:
        return TakenBack(left=Left(text=found.problem, kept=(change.path,)))
    keep = change.empty_mode is not None
    if not found.exists:
        if change.empty_mode is not None:
            system.make_directory(change.path, change.empty_mode)
        return TakenBack()
    try:
        system.remove_contents(found, keep_folder=keep)
    except StepError as error:
        return TakenBack(left=Left(text=f"{error.message} {error.hint or ''}".strip(), kept=(change.path,)))
    gone = (*found.packages, *(() if keep or not found.whole else (change.path,)))
    if found.whole:
        return TakenBack(removed=gone)
    return TakenBack(removed=gone, left=_kept(found))


def _kept(found: Contents) -> Left:
    """Say what stays, each by name as far as there is room, and how it goes."""
    what = []
    if found.later:
        what.append(tr("packages that came later ({names})", names=some_of(found.later)))
    if found.kept:
        what.append(tr("what torchup did not bring ({names})", names=some_of(found.kept)))
    return Left(
        text=tr(
            "{path} stays, with {what}. If you need none of it: `{command}`",
            path=found.path,
            what=tr(" and ").join(what),
            command=f"rm -rf {shlex.quote(found.path)}",
        ),
        kept=(*found.later, *(f"{found.path}/{path}" for path in found.kept)),
    )


def some_of(names: Iterable[str]) -> str:
    """List the first names, and how many more there are."""
    every = tuple(names)
    shown = ", ".join(every[:NAMES_SHOWN])
    more = len(every) - NAMES_SHOWN
    return tr("{names} and {count} more", names=shown, count=more) if more > 0 else shown


def revert_packages(step: InstallPackages, change: PackagesChange, system: System, on_line: OnLine) -> TakenBack:
    """Take out of an environment that was there before what the run put in, and put back what it replaced.

    Only packages that are still as the run left them: those that came later, were changed or edited since stay. In an
    environment of the same run nothing is done: it goes as a whole. One that is gone has nothing to give back.
    """
    if change.new_environment or system.look(change.environment).kind == "absent":
        return TakenBack()
    if change.folder is not None and (problem := system.another_folder(change.environment, change.folder)) is not None:
        return TakenBack(left=Left(text=problem, kept=(change.environment,)))
    now = system.installed_distributions(change.python)
    after = change.after if change.after is not None else _brought_so_far(step, change, now)
    edited = system.edited_packages(change.environment, change.records, change.as_of)
    ours = {name: version for name, version in after.items() if change.before.get(name) != version}
    kept = [
        tr("{name} is {now} by now, and was {then} when torchup installed it", name=name, now=now[name], then=version)
        for name, version in sorted(ours.items())
        if now.get(name, version) != version
    ]
    same = {name: version for name, version in ours.items() if now.get(name) == version}
    kept += [
        tr("{name} {version} was changed since: {file}", name=name, version=same[name], file=file)
        for name, file in sorted(edited.items())
        if name in same
    ]
    same = {name: version for name, version in same.items() if name not in edited}
    added = tuple(sorted(name for name in same if name not in change.before))
    old = {name: change.before[name] for name in sorted(same) if name in change.before}
    old |= {name: version for name, version in change.before.items() if name not in now and name not in after}
    failed = _uninstall(step, change, added, system, on_line) or _put_back(step, change, old, system, on_line)
    left = [tr("In {environment} stays: {what}.", environment=change.environment, what="; ".join(kept))] if kept else []
    left += [failed] if failed is not None else []
    return TakenBack(
        removed=tuple(f"{name} {same[name]}" for name in added) if failed is None else (),
        restored=tuple(f"{name} {version}" for name, version in old.items()) if failed is None else (),
        left=Left(text=" ".join(left), kept=tuple(kept)) if left else None,
    )


def _brought_so_far(step: InstallPackages, change: PackagesChange, now: dict[str, str]) -> dict[str, str]:
    """Tell what an installation that was cut off has put in: what it was to install, and what that requires."""
    wanted = wanted_of(step.distributions, change.environment, now.items())
    return {name: version for name, version in now.items() if name in wanted or change.before.get(name) == version}


def _uninstall(
    step: InstallPackages, change: PackagesChange, names: tuple[str, ...], system: System, on_line: OnLine
) -> str | None:
    if not names:
        return None
    first = step.commands[0]
    if is_uv(first):
        argv = (first.argv[0], "pip", "uninstall", "--no-config", "--python", change.python, *names)
    else:
        argv = (change.python, "-m", "pip", "uninstall", "--yes", *names)
    if _ran(Command(argv=argv, environment=first.environment), system, on_line):
        return None
    return tr(
        "{packages} could not be removed from {environment}.", packages=", ".join(names), environment=change.environment
    )


def _put_back(
    step: InstallPackages, change: PackagesChange, versions: dict[str, str], system: System, on_line: OnLine
) -> str | None:
    """Install the versions that were there before, from where the step took its own."""
    if not versions:
        return None
    pins = tuple(f"{name}=={version}" for name, version in sorted(versions.items()))
    first = step.commands[0]
    argv = (*_without_packages(first.argv, step), "--no-deps", *pins)
    if _ran(Command(argv=argv, environment=first.environment), system, on_line):
        return None
    return tr(
        "Other versions were in {environment} before. To get them back, install {packages}",
        environment=change.environment,
        packages=" ".join(pins),
    )


def _ran(command: Command, system: System, on_line: OnLine) -> bool:
    done = system.run(command, as_root=False, on_output=on_line)
    if done.interrupted:
        raise CommandInterruptedError
    return done.returncode == 0


def _without_packages(argv: tuple[str, ...], step: InstallPackages) -> tuple[str, ...]:
    """Take out of an installing command what it installs, so that its sources and settings are left."""
    names = {canonicalize_name(Requirement(item).name) for item in step.distributions}
    kept: list[str] = []
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif word in ("--requirements", "--requirement", "--constraint"):
            skip = True
        elif word not in ("--no-deps", "--require-hashes") and _name_of(word) not in names:
            kept.append(word)
    return tuple(kept)


def _name_of(word: str) -> str | None:
    try:
        return canonicalize_name(Requirement(word).name)
    except InvalidRequirement:
        return None


def _spans(step: Step, span: Span | None, run: Undoing) -> list[Span]:
    """Give the time in which a step worked, as far as it is needed: what uv brings is told by its cache, which is surer."""
    if span is None:
        return [run.lifetime] if run.lifetime is not None else []
    by_uv = isinstance(step, CreateEnvironment | InstallPackages) and step.commands and is_uv(step.commands[0])
    return [] if by_uv else [span]


def is_uv(command: Command) -> bool:
    """Tell whether a command is uv's."""
    return command.argv[1:2] in (("pip",), ("venv",))
