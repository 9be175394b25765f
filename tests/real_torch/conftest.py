from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.torch_environment import TorchUnavailableError, torch_python


@pytest.fixture(scope="session")
def python_with_torch() -> Path:
    """Give an interpreter with real torch; without a source for it skip here and fail in CI."""
    try:
        return torch_python()
    except TorchUnavailableError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
