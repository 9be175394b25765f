"""Every command of torchup with arguments that it takes, read from click's own table: none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from torchup.cli import cli

READS_NO_HOME = frozenset({"answers schema", "completion", "matrix"})
"""What works whoever's home it is, because it looks at nothing there."""


def commands(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the name of every command and the words that start it; files that it needs are made in `folder`."""
    for name, command in _leaves(cli, ()):
        arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
        words = [_value(argument, folder) for argument in arguments if argument.required]
        yield " ".join(name), (*name, *words)


def names() -> list[str]:
    """Give the names of all commands."""
    return [" ".join(name) for name, _ in _leaves(cli, ())]


def _leaves(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, (*above, name))
        else:
            yield (*above, name), command


def _value(argument: click.Argument, folder: Path) -> str:
    if isinstance(argument.type, click.Choice):
        return str(argument.type.choices[0])
    if isinstance(argument.type, click.Path):
        file = folder / "wanted.yaml"
        file.write_text("schema: 1\n")
        return str(file)
    return "torch"
