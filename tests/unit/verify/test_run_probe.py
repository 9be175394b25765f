"""What becomes of a probe that does not behave: each ends in a report, with the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.patience import LONG, soon
from torchup.errors import ExitStatus, UsageError
from torchup.model.outcome import Check, Report
from torchup.verify.run import parse_line, probe_command, verify

CHECK = {"id": "exact-fp32", "level": "quick", "gpu": "cpu", "status": "pass", "detail": "fine", "seconds": 0.5}
REPORT = {"schema": 1, "python": "p", "level": "quick", "checks": [CHECK], "verdict": "fail", "devices": ["cpu"]}


def fake_python(folder: Path, lines: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return str(path)


def run(python: str, **options: Any) -> Report:
    return verify(
        python=python,
        level="quick",
        expected_version=None,
        expected_variant=None,
        environ=os.environ,
        gpu_expected=False,
        **options,
    )


def said(value: object) -> str:
    return f"echo '{json.dumps(value)}'"


def test_an_interpreter_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(str(tmp_path / "nothing"))
    assert caught.value.code == "python-not-startable"
    assert caught.value.exit_status is ExitStatus.USAGE


def test_a_folder_is_not_an_interpreter(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(str(tmp_path))


def test_the_last_word_on_the_verdict_is_ours(tmp_path: Path) -> None:
    report = run(fake_python(tmp_path, said({"report": REPORT})))
    assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("lines", "status", "hint", "words"),
    [
        ("exit 0", "error", "probe-died", "status 0 and gave no report"),
        ("echo garbage; echo '[1]'; echo '{\"x\": 1}'; exit 7", "error", "probe-died", "status 7"),
        ("echo 'cannot load' >&2; exit 1", "error", "probe-died", "cannot load"),
        ("echo 'SyntaxError: invalid syntax' >&2; exit 1", "error", "python-too-old-for-probe", "older than"),
        ("kill -9 $$", "fail", "killed-out-of-memory", "was ended by SIGKILL"),
        ("kill -SEGV $$", "fail", "native-crash", "was ended by SIGSEGV"),
        ("kill -ABRT $$", "fail", "native-crash", "was ended by SIGABRT"),
        ("kill -ILL $$", "fail", "cpu-without-avx", "was ended by SIGILL"),
        ("kill -BUS $$", "fail", "shm-too-small", "was ended by SIGBUS"),
        (said({"report": {"schema": 1}}), "error", "probe-died", "cannot be read"),
    ],
)
def test_a_probe_without_a_report(tmp_path: Path, lines: str, status: str, hint: str, words: str) -> None:
    report = run(fake_python(tmp_path, lines))
    problem = report.checks[0]
    assert (problem.id, problem.status, problem.hint) == ("probe", status, hint)
    assert words in problem.detail
    assert report.verdict == ("fail" if status == "fail" else "not-run")
    assert report.environment["causes"][hint]["fix"]


def test_what_was_done_before_the_end_is_kept(tmp_path: Path) -> None:
    seen: list[Check] = []
    report = run(fake_python(tmp_path, f"{said({'check': CHECK})}; exit 3"), on_progress=seen.append)
    assert [check.id for check in report.checks] == ["exact-fp32", "probe"]
    assert [check.id for check in seen] == ["exact-fp32", "probe"]
    # One exact product was right, but the test did not come to its end.
    assert report.verdict == "degraded"


def test_a_probe_that_hangs_is_ended(tmp_path: Path) -> None:
    with soon():
        report = run(fake_python(tmp_path, f"{said({'check': CHECK})}; exec sleep {LONG}"), total_seconds=1.0)
    assert (report.checks[-1].status, report.checks[-1].hint) == ("timeout", "check-hung")
    assert report.verdict == "fail"


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8"])
def test_an_interpreter_that_is_too_old_says_so(version: str) -> None:
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python {version} here")
    report = run(str(found[0]))
    assert [check.hint for check in report.checks] == ["python-too-old-for-probe"]
    assert report.verdict == "not-run"


def test_noise_between_the_lines_is_not_an_answer() -> None:
    for line in ("", "hello", "3", '{"check": 1, "more": 2}', "[]", "null", '{"other": {}}'):
        assert parse_line(line) is None


def test_an_answer_of_another_shape_is_an_error() -> None:
    found = parse_line(json.dumps({"check": {"id": "x", "status": "wonderful"}}))
    assert isinstance(found, Check)
    assert (found.status, found.hint) == ("error", "probe-died")


def test_the_command_can_be_run_by_hand() -> None:
    script = Path("/p/tensor_probe.py")
    command = probe_command(
        "/p/python", script, level="full", expected_variant="cu126", gpu_expected=True, timeout_scale=2.0
    )
    assert command[:2] == ("/p/python", str(script))
    assert command[2:] == (
        *("--level", "full", "--json-lines", "--expect-variant", "cu126"),
        *("--gpu-expected", "yes", "--timeout-scale", "2"),
    )


def test_a_crash_names_the_check_before_it(tmp_path: Path) -> None:
    report = run(fake_python(tmp_path, f"{said({'check': CHECK})}; kill -SEGV $$"))
    assert "after the check exact-fp32" in report.checks[-1].detail
    assert report.verdict == "fail"
