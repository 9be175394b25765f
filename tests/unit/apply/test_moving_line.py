"""The moving line of a run on a real terminal: whatever it shows, nothing of it stays behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import moving_line
from support.terminal import TerminalSession, python_argv

SPINNER = re.compile(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]|0:00:0\d")


@pytest.mark.parametrize("narrower", [80, 50])
def test_no_line_of_it_stays(narrower: int, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with TerminalSession(python_argv(Path(moving_line.__file__), str(ready)), columns=100, rows=40) as session:
        session.expect_text("closing tag")
        session.expect_text("[1/4]")
        assert "Install pack[more], other[/more]" in session.text, "brackets are no style"
        session.resize(narrower, 40)
        ready.touch()
        session.expect_text("the end", seconds=30)
        assert session.finish() == 0
        lines = [line for line in session.text.splitlines() if line.strip()]
    assert [line for line in lines if SPINNER.search(line)] == []
    assert sum("✓" in line for line in lines) == len(moving_line.SUMMARIES)
    assert "Traceback" not in "\n".join(lines)
