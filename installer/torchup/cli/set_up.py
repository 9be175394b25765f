"""Decide and do: `setup`, and what it looks at and decides, by itself."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import FILE, answer_keys, commandline, common_options
from torchup.cli.root import cli


@cli.command()
@click.option("--answers", type=FILE, metavar="FILE", help="Take the answers from FILE and ask nothing.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=answer_keys,
    help="Override one answer, e.g. torch.version=2.13.0.",
)
@click.option("--yes", is_flag=True, help="Take the recommended answers and ask nothing.")
@click.option("--dry-run", is_flag=True, help="Print the commands as a POSIX shell script, and change nothing.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 10 when there is something to do.")
@click.option("--machine", type=FILE, metavar="FILE", help="With --dry-run: facts of another machine.")
@click.option("--offline", is_flag=True, help="Open no network connection.")
@click.option("--save-answers", type=FILE, metavar="FILE", help="Also write the complete answers to FILE.")
@click.option(
    "--plan",
    type=FILE,
    metavar="FILE",
    help="Apply the plan in FILE, made by --dry-run --json. A plan is code: it runs commands as you.",
)
@click.option("--from-lock", type=FILE, metavar="FILE", help="Install exactly what the pylock.toml FILE names.")
@common_options
def setup(**parameters: Any) -> int:
    """Detect, ask, resolve, plan, review, apply, verify."""
    line = commandline(parameters)
    from torchup.app.setup import SetupOptions, run_setup

    return int(run_setup(line, SetupOptions(**parameters)))


@cli.command()
@common_options
def detect(**parameters: Any) -> int:
    """Show what this machine has: GPUs, driver, Pythons, shells, and anything odd."""
    line = commandline(parameters)
    from torchup.app.inspect import run_detect

    return int(run_detect(line))


@cli.command()
@click.option("--machine", type=FILE, metavar="FILE", help="Facts of another machine (from `torchup detect --json`).")
@click.option("--answers", type=FILE, metavar="FILE", help="What is wanted, as an answers file.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", shell_complete=answer_keys, help="Override one answer."
)
@click.option("--offline", is_flag=True, help="Open no network connection; the bundled snapshot stands in.")
@click.option("--all", "every_rejection", is_flag=True, help="List every candidate with the gate that stopped it.")
@common_options
def resolve(**parameters: Any) -> int:
    """Decide which PyTorch build, CUDA and driver fit together, and say why."""
    line = commandline(parameters)
    from torchup.app.inspect import run_resolve

    return int(run_resolve(line, **parameters))


@cli.command()
@click.option("--torch", "version", metavar="VERSION", help="Only this torch release, e.g. 2.14.")
@click.option("--gpu", metavar="NAME|CC", help="Only builds for this GPU: a name, a chip or a compute capability.")
@click.option("--driver", metavar="VERSION", help="Only builds that this NVIDIA driver runs.")
@common_options
def matrix(**parameters: Any) -> int:
    """Show which PyTorch builds exist and what they run on."""
    line = commandline(parameters, reads_home=False)
    from torchup.app.inspect import run_matrix

    return int(run_matrix(line, **parameters))
