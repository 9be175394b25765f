"""`make lint` and `make types` beside the other tests: `make test` has one run, one summary and one last line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.tools import require

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["lint", "types"])
def test_it_finds_nothing(target: str) -> None:
    if not (ROOT / ".venv/dev.stamp").exists():
        pytest.skip("the tools are in the environment that make prepares")
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = [require("make"), "--no-print-directory", "-C", str(ROOT), target]
    done = subprocess.run(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
