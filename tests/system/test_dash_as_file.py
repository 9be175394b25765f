"""`-` as a file: standard output where one thing is written, and nowhere a file of that name unasked."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from support.command import Person
from torchup.cli import cli
from torchup.cli.options import FilePath


def file_parameters(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Walk the command table for what takes a file and no stream."""
    for parameter in command.params:
        if isinstance(parameter.type, FilePath) and not parameter.type.stream:
            yield path, "" if isinstance(parameter, click.Argument) else parameter.opts[0]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from file_parameters(inner, (*path, name))


def test_the_example_goes_to_standard_output(person: Person) -> None:
    before = person.tree()
    dashed = person.torchup("answers", "init", "-")
    assert (dashed.returncode, dashed.stderr) == (0, "")
    assert dashed.stdout == person.torchup("answers", "init").stdout
    assert "schema: 1" in dashed.stdout
    assert person.tree() == before


def test_a_file_of_that_name_can_be_written(person: Person) -> None:
    assert person.torchup("answers", "init", "./-").returncode == 0
    assert "schema: 1" in (person.home / "-").read_text(encoding="utf-8")
    assert person.torchup("answers", "check", "./-").returncode == 0


@pytest.mark.parametrize(("path", "option"), list(file_parameters()))
def test_everywhere_else_it_is_refused(path: tuple[str, ...], option: str, person: Person) -> None:
    done = person.torchup(*path, *([option] if option else []), "-")
    assert done.returncode == 2
    assert "stands for no stream here" in done.stderr
    assert not (person.home / "-").exists()
