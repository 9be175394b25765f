from __future__ import annotations

from pathlib import Path

import pytest

from support.torch_environment import torch_or_skip


@pytest.fixture(scope="session")
def python_with_torch() -> Path:
    """Give an interpreter with real torch; without a source for it skip here and fail in CI."""
    return torch_or_skip()
