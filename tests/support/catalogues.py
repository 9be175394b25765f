"""`installer/catalogues.py`, which is a program beside the package and no module of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import torchup


def _load() -> ModuleType:
    path = Path(torchup.__file__).parents[1] / "catalogues.py"
    spec = importlib.util.spec_from_file_location("catalogues", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


catalogues = _load()
