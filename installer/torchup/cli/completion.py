"""`torchup completion`: what a shell reads to complete the others."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import ShellChoice, commandline, common_options
from torchup.cli.root import cli
from torchup.errors import ExitStatus


@cli.command()
@click.argument("shell", type=ShellChoice(completed=True))
@common_options
def completion(**parameters: Any) -> int:
    """Print what a shell reads to complete torchup's commands and options.

    bash: torchup completion bash > ~/.local/share/bash-completion/completions/torchup

    zsh: torchup completion zsh > a folder of $fpath, as _torchup

    fish: torchup completion fish > ~/.config/fish/completions/torchup.fish
    """
    line = commandline(parameters, reads_home=False)
    from torchup.ui.completion import completion_script

    script = completion_script(cli, parameters["shell"])
    line.console.answer({"shell": parameters["shell"], "script": script}, lambda: line.console.text(script))
    return int(ExitStatus.DONE)
