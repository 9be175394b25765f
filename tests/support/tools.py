"""What tests need of the machine: absent on a developer's they skip, in CI they fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

NIGHTLY = bool(os.environ.get("TORCHUP_NIGHTLY"))
REAL = NIGHTLY or bool(os.environ.get("TORCHUP_REAL"))
"""Whether the real parts that take long are run: `make test-real` and `make test-nightly` say so."""
CACHE = Path(
    os.environ.get("TORCHUP_TEST_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torchup-tests"
)
"""What is made once and serves later runs too: environments, systems, downloads. Never inside the checkout."""


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
