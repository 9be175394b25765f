"""A plan as a person reviews it: every file by its full path, every command that needs root, the downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from torchup.apply.file_steps import edit_of
from torchup.model.outcome import Outcome
from torchup.model.plan import (
    AddRepository,
    Command,
    CreateEnvironment,
    Download,
    EditManagedBlock,
    EnrollKey,
    HoldPackages,
    InstallPackages,
    InstallSystemPackages,
    MakeDirectory,
    MakeLink,
    Plan,
    Reboot,
    RemoveFile,
    SetUserVariable,
    Step,
    WriteFile,
    WriteLock,
)
from torchup.shell.difference import unified
from torchup.words import tr

_MIB = 1024 * 1024
_MIB_PER_GIB = 1024
FileStep = WriteFile | EditManagedBlock | RemoveFile


def render_plan(plan: Plan, predicted: Sequence[Outcome], *, elsewhere: bool = False) -> RenderableType:
    """Show what the plan would do; `predicted` has the outcome that each step would have.

    `elsewhere` says that it is for another machine, whose files were not seen.
    """
    todo = {outcome.step_id for outcome in predicted if outcome.status == "changed"}
    steps = [step for step in plan.steps if step.id in todo]
    if not steps:
        return Text(tr("Everything is in place already: there is nothing to do."))
    parts: list[RenderableType] = []
    for title, lines in _sections(steps, elsewhere=elsewhere):
        if lines:
            text = "".join(f"  {line}\n" for line in lines)
            parts += [Text(title, style="bold"), Text(text, no_wrap=True, overflow="ignore")]
    left = [step.why for step in steps if isinstance(step, EnrollKey | Reboot)]
    if left:
        parts += [Text(tr("What is left to you"), style="bold"), Padding(Text("\n".join(left)), (0, 0, 1, 2))]
    if plan.warnings:
        parts += [Text(tr("Watch out"), style="bold"), Padding(Text("\n".join(plan.warnings)), (0, 0, 1, 2))]
    return Group(*parts)


def file_changes(plan: Plan, read: Callable[[str], bytes | None]) -> dict[str, tuple[str, ...]]:
    """Give the difference that each file step makes, as the lines of a unified diff, by the file's full path."""
    changes = {}
    for step in plan.steps:
        if isinstance(step, WriteFile | EditManagedBlock | RemoveFile):
            lines = _difference(step, read(step.path))
            if lines:
                changes[step.path] = lines
    return changes


def _sections(steps: Sequence[Step], *, elsewhere: bool) -> Iterator[tuple[str, list[str]]]:
    environments = [step for step in steps if isinstance(step, CreateEnvironment)]
    yield (
        tr("A new environment"),
        [
            line
            for step in environments
            # Each path has a line of its own, so that it is seldom broken.
            for line in (step.path, *((tr("with the Python of {python}", python=step.python),) if step.python else ()))
        ],
    )
    installs = [step for step in steps if isinstance(step, InstallPackages)]
    yield tr("Packages that go into it"), [line for step in installs for line in _package_lines(step)]
    written = [step for step in steps if isinstance(step, WriteFile | WriteLock)]
    yield tr("Files that torchup writes as its own"), [step.path for step in written if step.privilege == "user"]
    links = [step for step in steps if isinstance(step, MakeLink)]
    yield (
        tr("Links in it, for compilers and linkers"),
        [tr("{path} leads to {target}", path=step.path, target=step.target) for step in links],
    )
    fetched = [step for step in steps if isinstance(step, Download)]
    yield tr("Files that are fetched"), [tr("{path} from {url}", path=step.path, url=step.url) for step in fetched]
    yield tr("Files that root writes or removes"), [step.path for step in steps if _is_file_of_root(step)]
    edits = [step for step in steps if isinstance(step, EditManagedBlock) and step.privilege == "user"]
    yield (
        tr("Your files that get one small block, and nothing else"),
        [
            step.path if elsewhere or step.expected_sha256 is not None else tr("{path} (a new file)", path=step.path)
            for step in edits
        ],
    )
    variables = [step.summary for step in steps if isinstance(step, SetUserVariable)]
    yield tr("Variables of your Windows account"), variables
    yield (
        tr("Files that are removed"),
        [step.path for step in steps if isinstance(step, RemoveFile) and step.privilege == "user"],
    )
    yield (
        tr("Commands that need root"),
        [
            _typed(command)
            for step in steps
            if isinstance(step, InstallSystemPackages | AddRepository | HoldPackages | EnrollKey)
            for command in step.commands
        ],
    )


def _package_lines(step: InstallPackages) -> Iterator[str]:
    weight = tr(", about {size:,.0f} MiB", size=step.download_bytes / _MIB) if step.download_bytes else ""
    yield f"{', '.join(step.distributions)}{weight}"
    if step.disk_mib:
        yield tr("with all that they need, about {size:.1f} GiB on the disk", size=step.disk_mib / _MIB_PER_GIB)


def _is_file_of_root(step: Step) -> TypeGuard[FileStep | Download | MakeDirectory]:
    return step.privilege == "root" and isinstance(step, FileStep | Download | MakeDirectory)


def _difference(step: FileStep, before: bytes | None) -> tuple[str, ...]:
    if isinstance(step, WriteFile):
        after: bytes | None = step.content.encode("utf-8", "surrogateescape")
    elif isinstance(step, RemoveFile):
        after = None
    else:
        after = edit_of(step, before).after
    return unified(step.path, before, after, around=2)


def _typed(command: Command) -> str:
    import shlex

    return shlex.join(command.argv)
