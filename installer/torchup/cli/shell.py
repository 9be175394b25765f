"""`torchup shell`: only the shell configuration."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import SHELLS, F, commandline, common_options
from torchup.cli.root import cli


@cli.group()
def shell() -> None:
    """Only the shell configuration, for a toolkit and an environment that exist."""


def _shell_options(command: F) -> F:
    for option in (
        click.option("--for-user", metavar="NAME", help="As root: act as this user, for their home."),
        click.option(
            "--ld-library-path",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Whether the toolkit's libraries go into LD_LIBRARY_PATH.",
        ),
        click.option(
            "--scope",
            type=click.Choice(["interactive", "all"]),
            default="interactive",
            show_default=True,
            help="all: also scripts and `ssh host command`, where the shell reads a file for them.",
        ),
        click.option("--environment", metavar="DIR", help="The environment that has PyTorch."),
        click.option("--cuda-home", metavar="DIR", help="The CUDA toolkit that CUDA_HOME names."),
        click.option("--rc", metavar="FILE", help="The start-up file, in place of the usual ones."),
        click.option("--shell", "shells", multiple=True, type=SHELLS, help="A shell to configure; can be repeated."),
    ):
        command = option(command)
    return common_options(command)


_NO_RC = click.option("--no-rc", is_flag=True, help="Edit no start-up file; print the lines to add.")
_YES = click.option("--yes", is_flag=True, help="Do not ask before writing.")
_SHELL_DRY = click.option("--dry-run", is_flag=True, help="Show the changes as unified diffs, and change nothing.")


def _shell_line(parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Take the options that all shell commands share out of the parameters; act for the user that is named."""
    _become(parameters)
    line = commandline(parameters)
    from torchup.app.shell_wish import ShellOptions

    return line, ShellOptions(**{name: parameters.pop(name) for name in list(parameters) if name in _SHARED})


_SHARED = ("shells", "rc", "no_rc", "cuda_home", "environment", "scope", "ld_library_path")


def _become(parameters: dict[str, Any]) -> None:
    if name := parameters.pop("for_user", None):
        from torchup.apply.become import become

        become(name)


@shell.command("show")
@_NO_RC
@_shell_options
def shell_show(**parameters: Any) -> int:
    """Show what would be written where, as unified diffs, and what may get in the way."""
    line, options = _shell_line(parameters)
    from torchup.app.shell import run_show

    return int(run_show(line, options))


@shell.command("apply")
@click.option("--all-or-nothing", is_flag=True, help="Change no file when one of them cannot be edited.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 10 when there is something to do.")
@_SHELL_DRY
@_YES
@_NO_RC
@_shell_options
def shell_apply(**parameters: Any) -> int:
    """Write the env files and the managed blocks, and start the shells to see that they work."""
    line, options = _shell_line(parameters)
    from torchup.app.shell import run_apply

    return int(run_apply(line, options, **parameters))


@shell.command("remove")
@_SHELL_DRY
@_YES
@_shell_options
def shell_remove(**parameters: Any) -> int:
    """Take the managed blocks and the env files out again."""
    line, options = _shell_line(parameters)
    from torchup.app.shell import run_remove

    return int(run_remove(line, options, **parameters))


@shell.command("check")
@_shell_options
def shell_check(**parameters: Any) -> int:
    """Start real shells and compare what they have with what was set up."""
    line, options = _shell_line(parameters)
    from torchup.app.shell import run_check

    return int(run_check(line, options))
