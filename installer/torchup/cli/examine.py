"""Prove and explain: `verify` and `doctor`."""

from __future__ import annotations

from typing import Any

import click

from torchup.cli.options import FILE, OUTPUT, commandline, common_options
from torchup.cli.root import cli


@cli.command()
@click.option(
    "--python", metavar="PYTHON", help="What is tested: an interpreter, a venv's folder, or a conda environment's name."
)
@click.option("--level", type=click.Choice(["quick", "standard", "full"]), default="quick", show_default=True)
@click.option("--html", type=FILE, metavar="FILE", help="Also write the report to FILE, as one page.")
@click.option(
    "--script",
    type=OUTPUT,
    metavar="FILE",
    help="Only write the test to FILE (- for standard output): one archive, tensor_probe.pyz, for another machine's Python.",
)
@click.option("--force", is_flag=True, help="With --html and --script: replace a file that is something else.")
@click.option("--no-scrub", is_flag=True, help="Keep names, addresses and paths below home in --json and --html.")
@click.option(
    "--timeout-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="X",
    help="Multiply every time limit by this factor.",
)
@common_options
def verify(**parameters: Any) -> int:
    """Run the tensor test on every GPU."""
    line = commandline(parameters)
    from torchup.app.proof import VerifyOptions, run_verify

    return int(run_verify(line, VerifyOptions(**parameters)))


@cli.command()
@click.option(
    "--python",
    metavar="PYTHON",
    help="What is examined: an interpreter, a venv's folder, or a conda environment's name.",
)
@click.option("--log", metavar="FILE", help="Explain an error text in FILE (- for standard input) instead.")
@click.option("--machine", type=FILE, metavar="FILE", help="Examine the facts of another machine instead.")
@click.option("--no-test", is_flag=True, help="Leave the tensor test out.")
@click.option("--no-scrub", is_flag=True, help="Keep names, addresses and paths below home in --json.")
@common_options
def doctor(**parameters: Any) -> int:
    """Find out what is wrong: the cause, the evidence, the fix. Changes nothing."""
    line = commandline(parameters)
    from torchup.app.doctor import DoctorOptions, run_doctor

    return int(run_doctor(line, DoctorOptions(**parameters)))
