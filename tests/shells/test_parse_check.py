"""The parse check: what each shell refuses, and the here-document that none of them does."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tools import require
from torchup.verify.shell_syntax import parse_check

POSIX = ("bash", "zsh", "dash", "ksh")
OTHERS = ("fish", "tcsh")


@pytest.mark.parametrize("shell", [*POSIX, *OTHERS])
def test_an_open_quote_is_a_problem(shell: str) -> None:
    require(shell)
    problem = parse_check(shell, b"alias x='y\n")
    assert problem is not None
    assert "/tmp/" not in problem


@pytest.mark.parametrize("shell", [*POSIX, *OTHERS])
@pytest.mark.parametrize("content", [b"", b"# caf\xe9\n", b"echo hi", b"echo hi \\\n"])
def test_ordinary_files_are_none(shell: str, content: bytes) -> None:
    require(shell)
    assert parse_check(shell, content) is None


@pytest.mark.parametrize("shell", POSIX)
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"cat >/dev/null <<EOF\nhello\n", 1),
        (b"a=1\ncat <<-'END OF'\n\thello\n", None),
        (b"a=1\ncat <<-'END'\n\thello\n\t END\n", 2),
        (b"cat <<A\nA\ncat <<B\nb\nA\n", 3),
    ],
)
def test_a_file_that_ends_inside_a_here_document(shell: str, content: bytes, line: int | None) -> None:
    require(shell)
    problem = parse_check(shell, content)
    assert problem is not None
    assert "here-document" in problem
    if line is not None:
        assert problem.startswith(f"line {line}: ")


@pytest.mark.parametrize("shell", POSIX)
def test_a_closed_here_document_is_fine(shell: str) -> None:
    require(shell)
    assert parse_check(shell, b"cat <<EOF\n$(\nEOF\ncat <<-'E'\n\tE\n".replace(b"$(\n", b"text\n")) is None


def test_backticks_that_ksh_dislikes_are_no_problem() -> None:
    require("ksh")
    assert parse_check("ksh", b"x=`date`\n") is None


def test_patterns_that_bash_knows_only_with_extglob_are_no_problem() -> None:
    require("bash")
    assert parse_check("bash", b"shopt -s extglob\ncase x in !(a|b)) ;; esac\n") is None


def test_nothing_is_run(tmp_path: Path) -> None:
    for shell in (*POSIX, "fish"):
        require(shell)
        assert parse_check(shell, f"touch '{tmp_path}/{shell}'\n".encode()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_csh_file_is_run_for_its_home(tmp_path: Path) -> None:
    require("tcsh")
    assert parse_check("tcsh", b"echo $nothing\n") == "nothing: Undefined variable."
    content = f'if ("$HOME" == "{tmp_path}") then\n  exit 0\nendif\nfalse\n'.encode()
    assert parse_check("tcsh", content, home=str(tmp_path)) is None


def test_a_file_can_be_named_too(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / "rc").write_bytes(b"if\n")
    assert parse_check("bash", tmp_path / "rc") is not None


def test_a_shell_that_is_not_installed_finds_nothing_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parse_check("zsh", b"if\n") is None
