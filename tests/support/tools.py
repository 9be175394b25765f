"""Tools that tests need: absent on a developer's machine they skip, in CI they fail."""

from __future__ import annotations

import os
import shutil

import pytest


def require(tool: str) -> str:
    """Give the path of a command; without it the test skips with a reason, or fails where CI=true."""
    path = shutil.which(tool)
    if path is not None:
        return path
    reason = f"{tool} is not installed on this machine"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason}, but CI has to have it")
    pytest.skip(reason)
