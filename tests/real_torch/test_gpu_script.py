"""tests/gpu/run.py with one command, on the CPU because there is no GPU here: its reports and its exit status."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.real, pytest.mark.torch, pytest.mark.xdist_group("torch")]

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
    lines = (tmp_path / "out" / "quick.jsonl").read_text().splitlines()
    assert [json.loads(line)["check"] for line in lines] == report["checks"]


def test_what_was_done_is_kept_when_it_is_ended_early(python_with_torch: Path, tmp_path: Path) -> None:
    lines = tmp_path / "quick.jsonl"
    command = [str(python_with_torch), str(SCRIPT), "--device", "cpu", "--out", str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(SABOTAGE), "SABOTAGE": "hang", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 120
            while time.monotonic() < end and not (lines.exists() and '"alloc"' in lines.read_text()):
                time.sleep(0.1)
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "alloc" in said
    assert {json.loads(line)["check"]["id"] for line in lines.read_text().splitlines()} >= {"import", "build", "alloc"}
    assert not list(tmp_path.glob("tensor-probe-*")), "the script was left behind"


def test_nothing_to_test_is_told_and_kept(python_with_torch: Path, tmp_path: Path) -> None:
    command = [str(python_with_torch), str(SCRIPT), "--device", "cuda:7", "--level", "quick", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2
    assert "no GPU that torch can use" in done.stdout
    assert "cpu-wheel-installed" in done.stdout.partition("nothing to test")[2]
    assert json.loads((tmp_path / "quick.json").read_text())["devices"] == []


def gpu_script() -> Any:
    spec = importlib.util.spec_from_file_location("gpu_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_host_takes_long_for_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def check(name: str, seconds: float) -> dict[str, Any]:
        return {"id": name, "gpu": "cuda:0", "status": "pass", "seconds": seconds}

    checks = [check("exact-fp32", 60), check("compile", 70), check("extension", 80), check("companions", 9)]
    report = {"devices": ["cuda:0"], "checks": checks}
    assert gpu_script().problems_of("standard", report) == []
    assert "60.0 s in its checks" in capsys.readouterr().out
    assert len(gpu_script().problems_of("quick", report)) == 1


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('print(\'a library says this\'); print(\'{"a/right": ["pass", null, ""]}\')', {"a/right": ["pass", None, ""]}),
        ("print('it dies'); raise SystemExit(3)", {"-c/right": ["error", None, "ended with status 3 and no answer"]}),
        ("raise SystemExit(3)", {"-c/right": ["error", None, "ended with status 3 and no answer"]}),
    ],
)
def test_an_answer_is_the_last_line(source: str, answer: dict[str, Any]) -> None:
    script = gpu_script()
    assert script.answered(["-c", source]) == answer
    assert [script.as_it_should_be(name, given) for name, given in answer.items()] == ["a/right" in answer]
    assert script.as_it_should_be("a/right-in-its-way", ["skip", None, ""])
    assert not script.as_it_should_be("a/right-in-its-way", ["fail", None, ""])
    assert not script.as_it_should_be("a/wrong", ["pass", None, ""])


def test_what_is_wrong_is_listed_at_the_end(python_with_torch: Path, tmp_path: Path) -> None:
    done = run(python_with_torch, tmp_path / "out", PYTHONPATH=str(SABOTAGE), SABOTAGE="nan")
    assert done.returncode == 1
    listed = done.stdout.partition("problems:")[2]
    assert "exact-fp32" in listed
    assert "[wrong-results]" in listed
    assert "elementwise" not in listed
