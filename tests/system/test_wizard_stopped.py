"""The real wizard on a terminal, stopped at a question: what is kept, what is printed, and how to go on."""

from __future__ import annotations

import sys

import pytest

from support.command import TORCHUP, Person
from support.terminal import CTRL_C, DOWN, ENTER, TerminalSession
from torchup.answers.read import read_answers

FOLDER = "Which folder shall the environment live in?"


def start(person: Person, *arguments: str, columns: int = 80, **environ: str) -> TerminalSession:
    environment = {**person.environ, "PIP_CONFIG_FILE": "/dev/null", **environ}
    assert person.index is not None
    # Named, so that what else is on the machine that runs the tests makes no question.
    known = ["--set", f"source.mirror={person.index.url('whl')}", "--set", f"python.version={sys.executable}"]
    known += ["--set", "cuda_toolkit.source=none"]
    argv = [str(TORCHUP), "setup", *known, *arguments]
    return TerminalSession(argv, columns=columns, environ=environment, folder=person.home)


def test_the_answers_so_far_are_kept_where_they_were_wanted(person: Person) -> None:
    file = person.home / "kept" / "so-far.yaml"
    with start(person, "--save-answers", str(file)) as terminal:
        terminal.expect_text(FOLDER, seconds=30)
        terminal.send(DOWN, ENTER)
        terminal.expect_text("Path:")
        terminal.send(str(person.home / "elsewhere"), ENTER)
        terminal.expect_text("Which shells shall find PyTorch?")
        terminal.send(CTRL_C)
        assert terminal.finish() == 130
        assert terminal.is_sane()
    kept = read_answers(file)
    assert kept.environment.path == str(person.home / "elsewhere")
    assert kept.ask == ("*",)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_without_that_wish_nothing_is_written_and_lines_break_between_words(person: Person, columns: int) -> None:
    before = person.tree()
    with start(person, columns=columns) as terminal:
        terminal.expect_text(FOLDER, seconds=30)
        terminal.send(CTRL_C)
        assert terminal.finish() == 130
        said = " ".join(terminal.text.partition("error[")[2].split())
        assert "nothing was changed. hint: With --save-answers FILE, a wizard that is stopped keeps" in said
    assert person.tree() == before


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_errors_have_colours_unless_they_are_not_wanted(person: Person, no_color: str, coloured: bool) -> None:
    with start(person, NO_COLOR=no_color) as terminal:
        terminal.expect_text(FOLDER, seconds=30)
        terminal.send(CTRL_C)
        terminal.finish()
        after = terminal.output.rpartition(b"error")
        assert (b"31m" in after[0][-12:]) is coloured
