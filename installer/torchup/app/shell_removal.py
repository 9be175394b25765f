"""Where our blocks are, for `torchup shell remove`: wherever an earlier run put one, not only where one would go now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from torchup.app.shell_wish import Wanted
from torchup.app.startup_look import read_startup
from torchup.errors import RefusedError
from torchup.model.plan import Step
from torchup.plan.shell_steps import ShellPlan, env_file_path, plan_shell_removal
from torchup.shell.kinds import CONFIGURED, LANGUAGES
from torchup.shell.kinds.kind import StartupFile
from torchup.shell.managed_block import find
from torchup.words import tr

_SHELL_STEPS = {"MakeDirectory", "WriteFile", "EditManagedBlock", "RemoveFile"}
_EVERY = tuple(CONFIGURED)


def plan_removal(wanted: Wanted) -> ShellPlan:
    """Plan to take out every block, or those of the shells or the file that are named.

    Blocks are looked for in the start-up files of both scopes, in all others that shells read, and in the
    files that the journals name. The env files go when no shell is left out.
    """
    context = wanted.context
    # Where a block is to go out, it does not matter whether one could go in.
    asked = replace(wanted.startup.asked, look=lambda _files: {})
    only_some = wanted.wish.shells != "auto" or wanted.wish.rc is not None
    names = {env_file_path(language, context) for language in LANGUAGES}
    wish = wanted.wish if only_some else replace(wanted.wish, shells=_EVERY)
    wide = plan_shell_removal(
        wish=replace(wish, scope="all"), facts=wanted.facts, context=context, files=read_startup, asked=asked
    )
    also = [*wide.choice.files, *(() if only_some else _elsewhere(wanted))]
    removal = plan_shell_removal(
        wish=wish,
        facts=wanted.facts,
        context=context,
        files=read_startup,
        env_files=() if only_some else sorted(path for path in names if Path(path).exists()),
        environment=wanted.environment,
        also=also,
        asked=asked,
    )
    return removal if only_some else replace(removal, steps=(*removal.steps, *_other_files(wanted, removal)))


def _other_files(wanted: Wanted, removal: ShellPlan) -> tuple[Step, ...]:
    """Plan for the files of ours that the journals name and nothing of today would find: another folder of fish's."""
    from torchup.apply.still_ours import files_still_ours, removal_steps

    ours = [file for file in files_still_ours(wanted.context) if file.form != "block"]
    return removal_steps(ours, planned={step.path for step in removal.steps if hasattr(step, "path")})


def settle(wanted: Wanted) -> None:
    """Close the books: what was taken out needs no undo any more, and folders that are empty by now go."""
    from torchup.apply.run import Machine
    from torchup.apply.still_ours import settle_removal

    context = wanted.line.context
    try:
        settle_removal(context, Machine(context=context).system())
    except RefusedError as error:
        wanted.line.console.say(tr("The notes for undo stay as they are. {message}", message=error.message))


def undo_shell_runs(wanted: Wanted) -> None:
    """Undo the newest runs as long as they set nothing but shells up: that gives back folders too, and is exact.

    What somebody changed since is left for the removal that follows.
    """
    from torchup.apply.history import read_runs
    from torchup.apply.run import Machine, undo_run

    context = wanted.line.context
    for run in [run for run in read_runs(context) if run.has_changes]:
        kinds = {step.kind for step in run.plan.steps}
        if run.is_open or not kinds <= _SHELL_STEPS or any(step.left for step in run.steps.values()):
            return
        undo_run(Machine(context=context))


def _elsewhere(wanted: Wanted) -> Iterator[StartupFile]:
    from torchup.apply.still_ours import files_still_ours

    journalled = [file.path for file in files_still_ours(wanted.context) if file.form == "block"]
    for path in dict.fromkeys([*wanted.startup.files, *journalled]):
        if find(read_startup(path)).kind != "absent":
            # Taking a block out needs no language.
            yield StartupFile(shell="bash", language="sh", path=path, create=False, modes=(), why="")  # noqa: S604
