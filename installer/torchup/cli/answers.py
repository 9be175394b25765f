"""`torchup answers`: answers files."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import FILE, OUTPUT, commandline, common_options
from torchup.cli.root import cli


@cli.group()
def answers() -> None:
    """Answers files: an example, a check, the JSON Schema."""


@answers.command("init")
@click.argument("file", type=OUTPUT, required=False)
@common_options
def answers_init(**parameters: Any) -> int:
    """Write a commented answers file for this machine (to FILE; to standard output for - and without one)."""
    line = commandline(parameters)
    from torchup.app.answers import run_init

    return int(run_init(line, **parameters))


@answers.command("check")
@click.argument("file", type=FILE)
@common_options
def answers_check(**parameters: Any) -> int:
    """Report every problem of an answers file with line and column."""
    line = commandline(parameters)
    from torchup.app.answers import run_check

    return int(run_check(line, **parameters))


@answers.command("schema")
@common_options
def answers_schema(**parameters: Any) -> int:
    """Print the JSON Schema of answers files."""
    line = commandline(parameters, reads_home=False)
    from torchup.app.answers import run_schema

    return int(run_schema(line))
