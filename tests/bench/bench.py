"""`make bench` (one of them: `make bench BENCH=resolve`): what torchup costs, as ratios measured side by side in one run, medians of several.

Each pair of commands runs alternately, so that whatever else the machine does falls on both. Nothing
here fails a build: the aims stand beside the figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.bench_bootstrap import bench_bootstrap
from bench.bench_detect import bench_detect
from bench.bench_fleet import bench_fleet
from bench.bench_shell import bench_shell
from bench.bench_wizard import bench_wizard
from support.bench_setup import prepare_setup
from support.torch_environment import TorchUnavailableError, torch_python
from support.wrong_kernels import probe_file

PYTHON = sys.executable
TORCHUP = str(Path(sys.executable).with_name("torchup"))
BARE = (PYTHON, "-I", "-c", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished command: wall and CPU time in seconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    peak_mib: float


def run(argv: Sequence[str], environ: dict[str, str] | None = None) -> Run:
    """Run a command to its end and measure it; its output is thrown away."""
    # Where byte code is not kept every start compiles anew, which is nobody's everyday case.
    environ = {**(environ or os.environ)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    with Path(os.devnull).open("r+b") as null:
        child = subprocess.Popen(argv, env=environ, stdin=null, stdout=null, stderr=null)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        wall=time.perf_counter() - started,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
    )


def side_by_side(ours: Callable[[], Run], theirs: Callable[[], Run], *, rounds: int) -> tuple[list[Run], list[Run]]:
    """Run both alternately, after one round that only warms the caches."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def line(name: str, figure: str, aim: str, detail: str) -> None:
    """Print one row."""
    print(f"{name:<46} {figure:>12}   aim {aim:<12} {detail}", flush=True)


def ratio(name: str, ours: list[Run], theirs: list[Run], *, aim: str) -> None:
    """Print the ratio of the median wall times, and the medians themselves."""
    first, second = median(run.wall for run in ours), median(run.wall for run in theirs)
    line(name, f"{first / second:.2f} times", aim, f"{first * 1000:.0f} ms against {second * 1000:.0f} ms")


def bench_start(rounds: int) -> None:
    """`torchup --help` against the bare interpreter."""
    ratio(
        "torchup --help / bare python",
        *side_by_side(lambda: run((TORCHUP, "--help")), lambda: run(BARE), rounds=rounds),
        aim="<= 5",
    )


def bench_resolve(rounds: int) -> None:
    """`torchup resolve --offline --json` against the bare interpreter, and its memory."""
    command = (TORCHUP, "resolve", "--offline", "--json")
    with tempfile.TemporaryDirectory() as home:  # no pages kept from earlier runs
        environ = {**os.environ, "HOME": home}
        ours, theirs = side_by_side(lambda: run(command, environ), lambda: run(BARE), rounds=rounds)
    ratio("resolve --offline --json / bare python", ours, theirs, aim="<= 12")
    line("  peak memory", f"{median(item.peak_mib for item in ours):.0f} MiB", "<= 60", "")


def bench_verify(rounds: int) -> None:
    """The tensor test at its quick level on the CPU against an import of torch alone."""
    try:
        python = str(torch_python())
    except TorchUnavailableError:
        line("quick tensor test / import torch", "not run", "<= 3", "no source offers a CPU build of torch here")
        return
    probe = (python, str(probe_file()), "--level", "quick", "--json", "--gpu-expected", "no")
    ours, theirs = side_by_side(lambda: run(probe), lambda: run((python, "-c", "import torch")), rounds=rounds)
    ratio("quick tensor test / import torch", ours, theirs, aim="<= 3")


def bench_setup(rounds: int) -> None:
    """`torchup setup` against the very same `uv pip install` alone, in fresh homes, tensor test left out."""
    for cold in (True, False):
        name = f"torchup setup / uv pip install, {'first time' if cold else 'all cached'}"
        with tempfile.TemporaryDirectory() as folder:
            pair = prepare_setup(Path(folder), cold=cold)
            if pair is None:
                line(name, "not run", "<= 1.10", "no source offers a CPU build of torch here")
                return
            ours, theirs = side_by_side(lambda: pair.setup(run), lambda: pair.install_alone(run), rounds=rounds)  # noqa: B023
            ratio(name, ours, theirs, aim="<= 1.10" if cold else "-")


def bench_first_question(rounds: int) -> None:
    """The wizard's first question against the bare interpreter, and against its libraries alone."""
    for row in bench_wizard(rounds, lambda: run(BARE), TORCHUP):
        line(*row)


def bench_cold_start(rounds: int) -> None:
    """`make setup` in a fresh clone to its first question, against pip's own way."""
    for row in bench_bootstrap(rounds):
        line(*row)


def bench_shell_files(rounds: int) -> None:
    """A block into a start-up file of 5 MB, and out of it."""
    for row in bench_shell(rounds):
        line(*row)


def main() -> None:
    """Run all, or those whose names are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "only", nargs="*", help="start, resolve, wizard, verify, setup, detect, fleet, shell, bootstrap"
    )
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    benches: dict[str, Callable[[int], None]] = {
        "start": bench_start,
        "resolve": bench_resolve,
        "wizard": bench_first_question,
        "detect": lambda rounds: line(*bench_detect(rounds, run)),
        "fleet": lambda rounds: line(*bench_fleet(rounds)),
        "shell": bench_shell_files,
        "verify": lambda rounds: bench_verify(max(3, rounds // 2)),
        "setup": lambda rounds: bench_setup(max(3, rounds // 3)),
        "bootstrap": lambda rounds: bench_cold_start(max(3, rounds // 3)),
    }
    for name, bench in benches.items():
        if not options.only or name in options.only:
            bench(options.rounds)


if __name__ == "__main__":
    main()
