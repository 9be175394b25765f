"""Steps that make environments and put packages into them."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import PurePath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchup.apply.change import Change, EnvironmentChange, NoChange, PackagesChange, Prepared, Span
from torchup.apply.classify import failure
from torchup.apply.environment_undo import is_uv
from torchup.apply.interrupts import CommandInterruptedError
from torchup.apply.system import Brings, OnLine, System
from torchup.errors import RefusedError, StepError
from torchup.model.plan import Command, CreateEnvironment, InstallPackages, Step
from torchup.plan.pins import missing, pinned_version
from torchup.words import tr


def prepare_environment(step: CreateEnvironment, system: System) -> Prepared:
    """See what is at the environment's place; refuses to build over anything but an empty folder."""
    state = system.look(step.path)
    if state.kind == "absent":
        change = EnvironmentChange(path=step.path, span=from_now())
        return Prepared(change=change, detail=tr("{path} is made", path=step.path))
    if state.kind == "directory" and is_environment(step.path, system):
        lacking = _lacking(step, system)
        if lacking:
            raise RefusedError(
                tr(
                    "{path} is an environment without {files}, so it is left as it is.",
                    path=step.path,
                    files=", ".join(lacking),
                ),
                code="environment-incomplete",
                hint=tr("Move it away or remove it, then run again: torchup makes it anew."),
            )
        return Prepared(change=NoChange(), detail=tr("{path} is there", path=step.path))
    if state.kind == "directory" and state.empty:
        change = EnvironmentChange(path=step.path, empty_mode=state.mode, span=from_now())
        return Prepared(change=change, detail=tr("{path} is made", path=step.path))
    raise RefusedError(
        tr("{path} holds something else, so no environment is made there.", path=step.path),
        code="target-not-empty",
        hint=tr("Name another place: environment.path in the answers."),
    )


def is_environment(path: str, system: System) -> bool:
    """Tell whether a folder is a venv or a conda environment."""
    marker = system.look(f"{path}/pyvenv.cfg").kind == "file"
    return marker or system.look(f"{path}/conda-meta").kind == "directory"


def from_now() -> Span:
    """Give the span of a step that begins; the clock of files may be a few milliseconds behind."""
    return Span(since=time.time_ns() - 50_000_000)


def perform_environment(
    step: CreateEnvironment, change: EnvironmentChange, system: System, on_line: OnLine, *, run: str
) -> Change:
    """Make the environment, look whether it is there, and mark it with the run."""
    if _by_conda(step):
        files = tuple(f"{step.path}/{name}" for name in step.provides)
        brings = Brings(directories=(step.path, f"{step.path}/conda-meta"), files=files)
    else:
        brings = Brings(directories=(step.path,), files=(f"{step.path}/pyvenv.cfg",))
    run_all(step, step.commands, system, on_line, brings=brings)
    if not is_environment(step.path, system):
        raise StepError(
            tr("{path} is not an environment, although the command that makes it reported success.", path=step.path),
            code="environment-not-made",
            hint=tr("Look at the log."),
        )
    lacking = _lacking(step, system)
    if lacking:
        raise StepError(
            tr("{path} was made, but {files} is not in it.", path=step.path, files=", ".join(lacking)),
            code="environment-incomplete",
            hint=tr(
                "The channel may serve other packages under these names: look at the log, and at source.conda_channels."
            ),
        )
    noted = system.note_environment(step.path, run)
    return replace(
        change, folder=noted.folder, run=run, skeleton=noted.skeleton, records=noted.records, as_of=noted.as_of
    )


def prepare_packages(
    step: InstallPackages, system: System, *, made: Collection[str], again: bool, earlier: Change | None = None
) -> Prepared:
    """Compare what is installed with what is wanted.

    `made` are environments that this run makes; `again` installs even what seems to be there, because an
    earlier try was cut off, and `earlier` is what that one saw before it began.
    """
    installed = system.installed_distributions(step.python)
    lacking = missing(step.distributions, installed, pinned=step.pinned)
    lacking += tuple(item for item in system.lacking_extras(step.python, step.distributions) if item not in lacking)
    damaged = _damaged(step, system)
    if not lacking and not again and not damaged:
        return Prepared(change=NoChange(), detail=tr("everything wanted is installed"))
    environment = str(PurePath(step.python).parent.parent)
    change = PackagesChange(
        python=step.python,
        environment=environment,
        new_environment=environment in made,
        before=earlier.before if isinstance(earlier, PackagesChange) else installed,
        folder=system.folder(environment),
        span=from_now(),
    )
    if damaged and not lacking:
        detail = tr(
            "{packages} installed again, because {file} is missing or cut short",
            packages=", ".join(sorted(damaged)),
            file=next(iter(damaged.values())),
        )
    else:
        detail = tr("{packages} installed", packages=", ".join(lacking or step.distributions))
    return Prepared(change=change, detail=detail)


def perform_packages(
    step: InstallPackages, change: PackagesChange, system: System, on_line: OnLine, *, again: bool
) -> PackagesChange:
    """Install, and look whether exactly the wanted builds are there."""
    damaged = _damaged(step, system)
    commands = step.commands
    if again or damaged:
        commands = tuple(_reinstalling(command, () if again else tuple(sorted(damaged))) for command in commands)
    expected: dict[str, str] = {
        # For whatever is no pin there is no version to believe in beforehand.
        canonicalize_name(Requirement(item).name): pinned_version(item) or "0"
        for item in step.distributions
    }
    run_all(step, commands, system, on_line, brings=Brings(python=step.python, distributions=expected))
    after = system.installed_distributions(step.python)
    pins = [item for item in step.distributions if pinned_version(item)]
    lacking = missing(pins, after, pinned=step.pinned) or tuple(_damaged(step, system))
    if lacking:
        raise StepError(
            tr(
                "{summary}: the installer reported success, but {packages} is not there.",
                summary=step.summary,
                packages=", ".join(lacking),
            ),
            code="not-installed",
            evidence=tuple(f"{name} {after[name]}" for name in sorted(expected) if name in after),
            hint=tr("Look at the log; an index in the configuration may serve other builds under the same version."),
        )
    changed = [name for name, version in after.items() if change.before.get(name) != version]
    noted = system.note_packages(change.environment, None if change.new_environment else changed)
    return replace(change, after=after, records=noted.records, as_of=noted.as_of)


def run_all(
    step: Step, commands: Sequence[Command], system: System, on_line: OnLine, *, brings: Brings | None = None
) -> None:
    """Run commands one after the other; raises StepError for one that fails, CommandInterruptedError for one stopped."""
    for command in commands:
        done = system.run(command, as_root=step.privilege == "root", brings=brings or Brings(), on_output=on_line)
        if done.interrupted:
            raise CommandInterruptedError
        if done.returncode != 0:
            raise _conflict(step, failure(step, command, done))


def _conflict(step: Step, error: StepError) -> StepError:
    """Say what it means when something does not go with PyTorch: the constraints keep that in place."""
    if step.id not in ("extras", "cuda-toolkit") or error.code != "no-matching-distribution":
        return error
    return StepError(
        tr("{summary}: it does not go with the PyTorch that was chosen, which stays as it is.", summary=step.summary),
        code="extras-conflict" if step.id == "extras" else "toolkit-conflict",
        evidence=error.evidence,
        hint=tr(
            "Ask for another version of what is named above, or choose the PyTorch that it wants with torch.version."
        ),
    )


def _lacking(step: CreateEnvironment, system: System) -> tuple[str, ...]:
    return tuple(name for name in step.provides if system.look(f"{step.path}/{name}").kind != "file")


def _by_conda(step: CreateEnvironment) -> bool:
    return any("create" in command.argv[1:2] for command in step.commands)


def _damaged(step: InstallPackages, system: System) -> dict[str, str]:
    names = [Requirement(item).name for item in step.distributions]
    return system.damaged_distributions(step.python, names)


def _reinstalling(command: Command, only: tuple[str, ...] = ()) -> Command:
    """Have packages installed again although they seem to be there; pip knows no other way than all of them.

    With uv the files of an environment and of its cache are often the same by hard links, so that what is damaged
    in one is damaged in the other: those that are named come from their source.
    """
    flags = ["--reinstall" if is_uv(command) else "--force-reinstall"]
    if only and is_uv(command):
        flags = ["--no-cache", *(word for name in only for word in ("--reinstall-package", name))]
    where = command.argv.index("install") + 1
    argv = (*command.argv[:where], *flags, *command.argv[where:])
    return Command(argv=argv, environment=command.environment, timeout_seconds=command.timeout_seconds)
