"""tests/gpu/run.py with one command, on the CPU because there is no GPU here: its reports and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]

SCRIPT = Path(__file__).parents[1] / "gpu" / "run.py"
SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"


def run(python: Path, out: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    options = ["--device", "cpu", "--level", "quick", "--no-wrong-kernels", "--out", str(out)]
    return subprocess.run(
        [str(python), str(SCRIPT), *options],
        env={**os.environ, **changed},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def test_it_keeps_the_report_and_ends_with_0(python_with_torch: Path, tmp_path: Path) -> None:
    done = run(python_with_torch, tmp_path / "out")
    said = done.stdout
    report = json.loads((tmp_path / "out" / "quick.json").read_text())
    assert report["verdict"] == "pass"
    # How long it takes depends on what else this machine does; nothing else may be a problem.
    assert all("more than 10 s" in line for line in said.partition("problems:")[2].splitlines() if line.strip()), said
    assert done.returncode in (0, 1)
    assert (done.returncode == 0) == ("all is right" in done.stdout)


def test_what_is_wrong_is_listed_at_the_end(python_with_torch: Path, tmp_path: Path) -> None:
    done = run(python_with_torch, tmp_path / "out", PYTHONPATH=str(SABOTAGE), SABOTAGE="nan")
    assert done.returncode == 1
    listed = done.stdout.partition("problems:")[2]
    assert "exact-fp32" in listed
    assert "[wrong-results]" in listed
    assert "elementwise" not in listed
