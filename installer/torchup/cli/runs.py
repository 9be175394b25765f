"""What earlier runs did: `status`, `resume`, `undo`."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import commandline, common_options
from torchup.cli.root import cli


@cli.command()
@common_options
def status(**parameters: Any) -> int:
    """Show the last run: what was done, and what is left to do."""
    line = commandline(parameters)
    from torchup.app.history import run_status

    return int(run_status(line))


@cli.command()
@common_options
def resume(**parameters: Any) -> int:
    """Continue a run that was stopped."""
    line = commandline(parameters)
    from torchup.app.history import run_resume

    return int(run_resume(line))


@cli.command()
@click.option("--dry-run", is_flag=True, help="Show all that would go and all that would stay, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before anything goes.")
@common_options
def undo(**parameters: Any) -> int:
    """Put back what the last run changed, and nothing else."""
    line = commandline(parameters)
    from torchup.app.history import run_undo

    return int(run_undo(line, **parameters))
