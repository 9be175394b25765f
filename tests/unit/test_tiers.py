"""Real parts that take long run where they are asked for; elsewhere the reason is said, and CI leaves none out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
REAL_PARTS = """
import pytest

def test_plain(): pass

@pytest.mark.real
def test_real(): pass

@pytest.mark.real
def test_lacking(): pytest.skip("no means here")

@pytest.mark.real
@pytest.mark.skipif("not __import__('os').environ.get('TORCHUP_NIGHTLY')", reason="long: TORCHUP_NIGHTLY=1")
def test_long(): pass
"""


def outcome(folder: Path, **environ: str) -> str:
    """Run four tests below the conftest of all tests."""
    for name in ("conftest.py", "support"):
        (folder / name).symlink_to(TESTS / name)
    (folder / "test_parts.py").write_text(REAL_PARTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = real: takes long\npythonpath = .\n")
    own = {name: value for name, value in os.environ.items() if name not in ("CI", "TORCHUP_REAL", "TORCHUP_NIGHTLY")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "."],
        cwd=folder, env={**own, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize(
    ("environ", "summary"),
    [
        ({}, "1 passed, 3 skipped"),
        ({"CI": "true"}, "1 passed, 3 skipped"),
        ({"TORCHUP_REAL": "1"}, "2 passed, 2 skipped"),
        ({"TORCHUP_NIGHTLY": "1"}, "3 passed, 1 skipped"),
        ({"TORCHUP_REAL": "1", "CI": "true"}, "1 failed, 2 passed, 1 skipped"),
    ],
)
def test_who_runs_what(tmp_path: Path, environ: dict[str, str], summary: str) -> None:
    said = outcome(tmp_path, **environ)
    assert summary in said
    assert ("make test-real" in said) == (not environ.keys() & {"TORCHUP_REAL", "TORCHUP_NIGHTLY"})
    assert "no means here" in said or "3 skipped" in summary
