"""The options that commands share, and what every command works with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from torchup.words import LANGUAGES

F = TypeVar("F", bound=Callable[..., Any])


class FilePath(click.Path):
    """A path, turned into a `pathlib.Path` only when one is given: pathlib would cost `--help` a seventh of its time.

    `-` is standard output where `stream` says so. Elsewhere it is refused: what is piped in is never taken for
    answers, and standard output has something else to carry.
    """

    def __init__(self, *, stream: bool = False) -> None:
        super().__init__()
        self.stream = stream

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the path of what was written."""
        from pathlib import Path

        from torchup.words import tr

        text = os.fsdecode(super().convert(value, param, ctx))
        if text == "-" and not self.stream:
            self.fail(tr("- stands for no stream here: name a file (one that is called - is ./-)"), param, ctx)
        # A file that is called so must not be taken for the stream further on.
        return Path.cwd() / "-" if text != "-" and Path(text) == Path("-") else Path(text)


FILE = FilePath()
OUTPUT = FilePath(stream=True)


class ShellChoice(click.Choice[str]):
    """The names of shells, asked for only where one is given or shown: the kinds would cost `--help` some of its time."""

    def __init__(self, *, completed: bool = False) -> None:
        self.completed = completed
        self.case_sensitive = True

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]  # an attribute in click
        """The shells that `torchup completion` knows, or all of them."""
        from torchup.shell.kinds import CONDA, SHELLS

        if self.completed:
            return tuple(shell.name for shell in SHELLS if shell.completes)
        return (*(shell.name for shell in SHELLS), CONDA)


SHELLS = ShellChoice()

_COMMON: tuple[Callable[[F], F], ...] = (
    click.option("--json", "json_output", is_flag=True, help="Print the data as JSON on standard output."),
    click.option("-v", "--verbose", count=True, help="Print more; twice, also what other programs print."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("--plain", is_flag=True, help="Numbered questions and plain lines: for screen readers and logs."),
    click.option(
        "--lang", type=click.Choice(LANGUAGES), help="The language of all texts; by default that of the locale."
    ),
    click.option("--root", type=FILE, metavar="DIR", help="Write everything below DIR."),
    click.option("--traceback", is_flag=True, help="Show where in the program an error came from."),
)


def answer_keys(context: click.Context, parameter: click.Parameter, typed: str) -> Any:
    """Complete what follows `--set`."""
    from torchup.ui import completion

    return completion.answer_keys(context, parameter, typed)


def common_options(command: F) -> F:
    """Add the options that every command takes, also when they stand before the command's name."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


def commandline(parameters: dict[str, Any], *, reads_home: bool = True) -> Any:
    """Merge the common options of the group and the command, and build what commands work with.

    A home or a folder of torchup's that is somebody else's is refused here, for every command that does not say that
    it reads nothing there.
    """
    from torchup.app import CommandLine

    del parameters["lang"]  # it was looked at before anything was said
    names = ("json_output", "verbose", "quiet", "plain", "root", "traceback")
    context = click.get_current_context()
    merged = {name: parameters.pop(name) for name in names}
    outer = context.find_root().params
    for name in names:
        merged[name] = merged[name] or outer.get(name)
    context.find_root().meta["torchup"] = merged
    searched = os.environ.get("PATH", "")
    made = CommandLine.create(**merged)
    context.find_root().meta["torchup.console"] = made.console
    if reads_home:
        from torchup.ownership import refuse_foreign_home

        refuse_foreign_home(made.context, command=context.command_path)
        _say_what_is_not_searched(searched, made)
    return made


def _say_what_is_not_searched(searched: str, line: Any) -> None:
    from torchup.words import tr

    kept = line.context.environ.get("PATH", "").split(os.pathsep)
    left = [entry for entry in searched.split(os.pathsep) if os.path.isabs(entry) and entry not in kept]  # noqa: PTH117 - text
    if left:
        line.console.warn(
            tr(
                "This is root, and others may write what is in these folders of PATH, so nothing of them is run: {folders}",
                folders=", ".join(dict.fromkeys(left)),
            )
        )
