"""What the start of the program loads, prints and returns, before any work is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.patience import little_work, soon

TORCHUP = Path(sys.executable).with_name("torchup")
HEAVY = {"questionary", "requests", "jinja2", "pynvml", "pydantic", "rich", "yaml", "packaging", "torch"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["setup", "--help"], ["shell", "apply", "-h"]])
def test_help_and_version_load_no_heavy_package(arguments: list[str]) -> None:
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: sys.stderr.write(json.dumps(sorted(m.split('.')[0] for m in sys.modules))))\n"
        "from torchup.cli import main\n"
        f"main({arguments!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr))
    assert "click" in loaded
    assert not loaded & HEAVY


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TORCHUP, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [[], ["setup"], ["setup", "--dry-run"]])
def test_without_a_terminal_and_answers_it_refuses_in_one_line_that_names_both_flags(arguments: list[str]) -> None:
    with soon(), little_work(2):
        done = run(*arguments)
    assert done.returncode == 6
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert "--answers" in first
    assert "--yes" in first


def test_an_unknown_option_is_bad_usage() -> None:
    done = run("setup", "--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


def test_errors_come_as_json_too(tmp_path: Path) -> None:
    done = run("resolve", "--offline", "--json", "--machine", str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["exit_status"] == 2
    assert "missing.yaml" in error["message"]
    assert error["hint"]


def test_common_options_count_before_and_after_the_command() -> None:
    before = run("--json", "resolve", "--offline", "--set", "torch.variant=nonsense")
    after = run("resolve", "--offline", "--set", "torch.variant=nonsense", "--json")
    assert before.returncode == after.returncode == 2
    assert json.loads(before.stdout) == json.loads(after.stdout)


@pytest.mark.parametrize(("raised", "status"), [("Terminated", 143), ("KeyboardInterrupt", 130)])
def test_a_signal_while_a_failure_is_told_ends_as_the_signal_does(raised: str, status: int) -> None:
    script = (
        "from torchup.interrupts import Terminated\n"
        "from torchup.ui import failure\n"
        f"def interrupted(*_, **__): raise {raised}\n"
        "failure.report_failure = interrupted\n"
        "from torchup.cli import main\n"
        "main(['resolve', '--machine', '/nowhere'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")
