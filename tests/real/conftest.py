"""The real parts take long: they run with TORCHUP_REAL=1 only, which CI sets, and then none is left out in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("real")
            if not os.environ.get("TORCHUP_REAL"):
                item.add_marker(pytest.mark.skip(reason="a real part that takes long: TORCHUP_REAL=1 runs it"))
