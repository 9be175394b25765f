"""A home with stub wheels for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sandbox import Sandbox


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.create(tmp_path)
