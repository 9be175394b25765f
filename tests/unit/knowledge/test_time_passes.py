"""A year from now the tables are longer; only tests of what the tables themselves say may notice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import torchup
from support import newer_tables

CHECKOUT = Path(torchup.__file__).parents[2]
SUITES = ("unit/knowledge", "unit/resolve", "unit/plan", "unit/offers", "property/test_resolver_properties.py")
OWN = Path(__file__).relative_to(CHECKOUT)


@pytest.fixture
def a_year_on(tmp_path: Path) -> Path:
    """Copy the checkout, and add to its tables what will have come by then."""
    for name in ("installer", "templates", "tests"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    newer_tables.grow(tmp_path / "installer/torchup/knowledge/data")
    return tmp_path


def _in(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(checkout / "installer"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environ, capture_output=True, text=True, timeout=540, check=False
    )


def test_what_is_new_in_the_tables_breaks_no_test(a_year_on: Path) -> None:
    suites = [f"tests/{suite}" for suite in SUITES]
    # Of the files that the tables are written in there is no newer copy.
    left_out = (f"--deselect={OWN}", "--ignore=tests/unit/knowledge/test_knowledge_sources.py")
    done = _in(a_year_on, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *left_out, *suites)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_program_knows_what_is_new(a_year_on: Path) -> None:
    """Else the test above would prove nothing."""
    facts = {
        "schema": 1,
        "os": {"system": "linux", "arch": "x86_64", "libc": "glibc", "libc_version": "2.39"},
        "gpus": [{"index": 0, "vendor": "nvidia", "name": "card", "pci_id": "10de:fe00"}],
        "nvidia": {"state": "ok", "driver_version": f"{newer_tables.BRANCH}.10"},
        "pythons": [{"path": "/usr/bin/python3", "version": "3.12.3"}],
    }
    path = a_year_on / "facts.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    done = _in(a_year_on, "-m", "torchup", "matrix", "--gpu", newer_tables.CHIP, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["as_of"] == newer_tables.AS_OF
    done = _in(a_year_on, "-m", "torchup", "resolve", "--offline", "--machine", str(path), "--json")
    assert newer_tables.TORCH in done.stdout, done.stdout
    assert json.loads(done.stdout)["facts_as_of"] == newer_tables.AS_OF
