"""The name that a person is told to call: one that leads to the program that runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchup.ui.program import callable_here, program_argv, program_name


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


def test_a_path_with_blanks_can_be_pasted(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = tool.parent.parent / "my tools"
    tool.parent.rename(moved)
    monkeypatch.setattr(sys, "argv", [str(moved / "torchup")])
    assert program_name({"PATH": "/nowhere"}) == f"'{moved}/torchup'"
    assert program_argv({"PATH": "/nowhere"}) == (f"{moved}/torchup",)


def test_commands_in_a_text_are_those_that_work_here(tool: Path) -> None:
    import uv

    nowhere, there = {"PATH": "/nowhere"}, {"PATH": str(tool.parent)}
    text = "`torchup undo` puts back.\n    torchup resolve --all\nCheck it: torchup answers check F\nA torchup run; uv cache"
    assert callable_here(text, nowhere) == text.replace("torchup undo", f"{tool} undo").replace(
        "torchup resolve", f"{tool} resolve"
    ).replace("torchup answers", f"{tool} answers")
    assert callable_here(text, there) == text
    assert callable_here("Free it (`uv cache clean`)", nowhere) == f"Free it (`{uv.find_uv_bin()} cache clean`)"
