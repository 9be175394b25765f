"""The watch over new shells: a machine that was busy is told from an edit that makes shells hang."""

from __future__ import annotations

from pathlib import Path

from support.tools import require
from torchup.app.shell_guard import ShellGuard
from torchup.shell.env_files import ShellEnvironment
from torchup.verify.shells import Start, start_all

BASH = Start(shell="bash", mode="interactive")  # noqa: S604 - names the shell, starts none


def guard_over(home: Path, bashrc: str, *, limit: float) -> ShellGuard:
    """Look at a bash that starts at once, and then has this start-up file."""
    require("bash")
    before = start_all((BASH,), home=str(home))
    (home / ".bashrc").write_text(bashrc)
    return ShellGuard(home=str(home), starts=(BASH,), known=ShellEnvironment(), before=before, limit=limit)


def test_a_shell_that_was_slow_once_has_lost_nothing(tmp_path: Path) -> None:
    (tmp_path / "busy").touch()
    guard = guard_over(tmp_path, "if [ -e ~/busy ]; then rm ~/busy; sleep 60; fi\n", limit=2)
    seen = guard.again()
    assert not (tmp_path / "busy").exists()
    assert seen.taken_away == ()
    assert seen.problems == ()


def test_a_shell_that_hangs_since_the_edit_is_found(tmp_path: Path) -> None:
    seen = guard_over(tmp_path, "sleep 60\n", limit=0.5).again()
    assert len(seen.taken_away) == 1
    assert "did not finish its start-up files within 2 s" in seen.taken_away[0]


def test_a_shell_that_hung_before_is_not_waited_for_again(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("sleep 60\n")
    before = start_all((BASH,), home=str(tmp_path), timeout=0.5)
    (tmp_path / ".bashrc").write_text("touch ~/started\n")
    guard = ShellGuard(home=str(tmp_path), starts=(BASH,), known=ShellEnvironment(), before=before, limit=0.5)
    assert guard.again().taken_away == ()
    assert not (tmp_path / "started").exists()
