"""The name that a person is told to call: one that leads to the program that runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchup.ui.program import program_name


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the program as `uv tool` does: in a folder of its own, with a link in a folder for programs."""
    if sys.platform == "win32":
        pytest.skip("links to programs are made elsewhere")
    own, programs = tmp_path / "tools/torchup/bin", tmp_path / "bin"
    own.mkdir(parents=True)
    programs.mkdir()
    (own / "torchup").write_text("#!/bin/sh\n")
    (own / "torchup").chmod(0o755)
    (programs / "torchup").symlink_to(own / "torchup")
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    monkeypatch.setattr(sys, "argv", [str(programs / "torchup"), "undo"])
    return programs / "torchup"


def test_it_is_short_where_path_leads_to_it(tool: Path) -> None:
    assert program_name({"PATH": str(tool.parent)}) == "torchup"


def test_it_is_the_link_that_was_called_elsewhere(tool: Path) -> None:
    assert program_name({"PATH": "/nowhere"}) == str(tool)


def test_another_program_of_that_name_is_not_it(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tool.parent.parent / "other"
    other.mkdir()
    (other / "torchup").write_text("#!/bin/sh\n")
    (other / "torchup").chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(other / "torchup")])
    running = Path(sys.executable).with_name("torchup")
    assert program_name({"PATH": str(other)}) == str(running)


def test_it_is_a_module_where_no_program_is_installed(tool: Path) -> None:
    Path(sys.executable).with_name("torchup").unlink()
    assert program_name({"PATH": str(tool.parent)}) == f"{sys.executable} -m torchup"
