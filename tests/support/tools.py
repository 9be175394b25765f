"""What tests need of the machine: absent on a developer's they skip, in CI they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Container, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
from _pytest.mark import ParameterSet

T = TypeVar("T")

NIGHTLY = bool(os.environ.get("TORCHUP_NIGHTLY"))
REAL = NIGHTLY or bool(os.environ.get("TORCHUP_REAL"))
"""Whether the real parts that take long are run: `make test-real` and `make test-nightly` say so."""
CACHE = Path(
    os.environ.get("TORCHUP_TEST_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torchup-tests"
)
"""What is made once and serves later runs too: environments, systems, downloads. Never inside the checkout."""


def each(values: Iterable[T], kept: Container[T]) -> list[ParameterSet]:
    """Give all values to `parametrize`: the kept ones for `make test`, the rest, of the same kinds, for the night."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)), marks=() if value in kept else pytest.mark.nightly
        )
        for value in values
    ]


def in_ci() -> bool:
    """Whether this is CI, where nothing may be left out for want of a means."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def unavailable(reason: str) -> NoReturn:
    """End a test whose means this machine lacks: skipped with the reason, or failed where CI=true."""
    if in_ci():
        pytest.fail(f"{reason}, but CI has to have it")
    pytest.skip(reason)


def require(tool: str) -> str:
    """Give the path of a command; without it the test skips with a reason, or fails where CI=true."""
    return shutil.which(tool) or unavailable(f"{tool} is not installed on this machine")


def latin_1(folder: Path) -> dict[str, str]:
    """Make a locale whose letters are one byte each, and give the variables that lead to it; else the test skips."""
    name = "de_DE.ISO-8859-1"
    folder.mkdir()
    command = [require("localedef"), "-i", "de_DE", "-f", "ISO-8859-1", str(folder / name)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode > 1:  # 1: with warnings
        unavailable(f"localedef makes no {name} here: {made.stderr.strip()}")
    return {"LC_ALL": name, "LOCPATH": str(folder)}
