"""The command `torchup` itself, to which the others belong."""

from __future__ import annotations

from typing import Any

import click

from torchup import __version__
from torchup.cli.options import common_options


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command, on a terminal: the wizard, as in `torchup setup`.",
)
@click.version_option(__version__, prog_name="torchup")
@common_options
@click.pass_context
def cli(context: click.Context, /, **common: Any) -> Any:
    """Set this machine up for PyTorch: look, decide, explain, install, prove, and undo if asked."""
    if context.invoked_subcommand is None:
        from torchup.cli.set_up import setup

        return context.invoke(setup, **common)
    return None
