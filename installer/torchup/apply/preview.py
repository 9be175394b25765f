"""Ask the installer itself what it would change in an environment that exists; nothing is changed or kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torchup.apply.classify import failure
from torchup.apply.distributions import installed_distributions, installed_requirements
from torchup.apply.interrupts import Interrupts
from torchup.apply.processes import Child
from torchup.model.context import Context
from torchup.model.plan import Command, InstallPackages, Plan, WriteFile
from torchup.plan.inherited import inherited
from torchup.plan.pins import all_satisfied
from torchup.plan.preview import Move, broken_by, moves_of_pip, moves_of_uv, sentences
from torchup.private_folders import temporary_folder

_SECONDS = 300.0


def preview(plan: Plan, context: Context, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Say what the plan's installations change and break in an environment that is there.

    Raises StepError with the installer's reason where no set of versions fits.
    """
    steps = [step for step in plan.steps if isinstance(step, InstallPackages)]
    moves: dict[str, Move] = {}
    for step in steps:
        installed = installed_distributions(Path(step.python))
        if all_satisfied(step.distributions, installed, pinned=step.pinned):
            continue
        for move in _ask(step, plan, context, secrets, installed):
            moves[move.name] = Move(name=move.name, before=installed.get(move.name), after=move.after)
    if not moves:
        return ()
    python = Path(steps[0].python)
    found = tuple(moves[name] for name in sorted(moves))
    environment = str(python.parent.parent)
    installed = installed_distributions(python)
    return (*sentences(found, environment), *broken_by(found, installed_requirements(python), installed))


def _ask(
    step: InstallPackages, plan: Plan, context: Context, secrets: Mapping[str, str], installed: Mapping[str, str]
) -> tuple[Move, ...]:
    # pip is called twice, first for the named wheels alone: the second call is the one that says everything.
    command = step.commands[-1]
    of_uv = command.argv[1] == "pip"
    with temporary_folder() as folder:
        report = folder / "report.json"
        # The cache is left out too: a look changes nothing, not even a folder of uv's.
        flags = ("--no-cache", "--dry-run") if of_uv else ("--no-cache-dir", "--dry-run", "--report", str(report))
        argv = _with_files(command, plan, folder)
        where = argv.index("install") + 1
        lines: list[str] = []
        child = Child(
            argv=(*argv[:where], *flags, *argv[where:]),
            environment={
                **inherited(context.environ),
                **command.environment,
                **secrets,
            },
            interrupts=Interrupts(),
            on_line=lines.append,
            timeout_seconds=_SECONDS,
        )
        done = child.run()
        if done.returncode != 0:
            raise failure(step, command, done)
        if of_uv:
            return moves_of_uv("\n".join(lines))
        return moves_of_pip(report.read_text(encoding="utf-8"), installed)


def _with_files(command: Command, plan: Plan, folder: Path) -> tuple[str, ...]:
    """Write the files that the plan itself writes first to a folder of their own, and name them instead."""
    contents = {step.path: step.content for step in plan.steps if isinstance(step, WriteFile)}
    argv = []
    for word in command.argv:
        if word in contents:
            place = folder / Path(word).name
            place.write_text(contents[word], encoding="utf-8", errors="surrogateescape")
            argv.append(str(place))
        else:
            argv.append(word)
    return tuple(argv)
