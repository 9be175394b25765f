"""The wizard on a real pseudo-terminal: keys, widths, signals, and the state the terminal is left in."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from support.terminal import (
    CTRL_C,
    CTRL_D,
    CTRL_Z,
    DOWN,
    ENTER,
    ESCAPE,
    PASTE_BEGINS,
    PASTE_ENDS,
    UP,
    TerminalSession,
    python_argv,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a thing of POSIX")

DRIVER = Path(__file__).with_name("wizard_driver.py")
FIRST = "Which folder shall the environment live in?"
SECOND = "Which shells shall find PyTorch?"
TYPING = "Path: (Esc back"
REVIEW = "Shall all this be done now?"
WORKSTATION_QUESTIONS = (
    "Which GPUs shall PyTorch run on?",
    "Which build of PyTorch?",
    "Which Python?",
    "What kind of environment?",
    FIRST,
    "Do you compile CUDA code (with nvcc)?",
    SECOND,
    REVIEW,
)


def wizard(machine: str, *options: str, columns: int = 80, **environ: str) -> TerminalSession:
    return TerminalSession(python_argv(DRIVER, machine, *options), columns=columns, environ=environ)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_enter_all_the_way_at_every_width(columns: int) -> None:
    with wizard("WORKSTATION", columns=columns) as terminal:
        for question in WORKSTATION_QUESTIONS:
            terminal.expect_text(f"{question} ")
            terminal.expect_text("→")
            terminal.send(ENTER)
        assert terminal.finish() == 0
        assert "CONFIRMED" in terminal.text
        assert "wizard torch.variant auto" in terminal.text
        assert terminal.is_sane()


def test_back_by_key_and_by_entry_and_a_change_at_the_review() -> None:
    with wizard("NO_GPU") as terminal:
        terminal.expect_text(FIRST)
        terminal.send(ENTER)
        terminal.expect_text(SECOND)
        terminal.send(ESCAPE)
        terminal.expect(lambda: terminal.text.count(FIRST) == 2, "the first question again")
        terminal.send(DOWN, ENTER)
        terminal.expect_text(TYPING)
        terminal.send("/data/torch", ENTER)
        terminal.expect(lambda: terminal.text.count(SECOND) == 2, "the second question again")
        terminal.send(UP)
        terminal.expect_text("→ ← Back")
        terminal.send(ENTER)
        terminal.expect(lambda: terminal.text.count(FIRST) == 3, "the first question once more")
        terminal.expect_text("→ /data/torch")
        terminal.send(ENTER)
        terminal.expect_text("→ the usual ones")
        terminal.send(ENTER)
        terminal.expect_text("REVIEW cpu in /data/torch for auto")
        terminal.send(DOWN, DOWN)
        terminal.expect_text("→ Change an answer")
        terminal.send(ENTER)
        terminal.expect_text("→ environment.path: /data/torch")
        terminal.send(DOWN)
        terminal.expect_text("→ shell.shells: auto")
        terminal.send(ENTER)
        terminal.expect_text("→ the usual ones")
        terminal.send(DOWN)
        terminal.expect_text("→ only bash")
        terminal.send(ENTER)
        terminal.expect_text("REVIEW cpu in /data/torch for bash")
        terminal.send(ENTER)
        assert terminal.finish() == 0
        assert "wizard shell.shells bash" in terminal.text
        assert terminal.is_sane()


def test_help_and_keys_that_do_nothing() -> None:
    with wizard("NO_GPU") as terminal:
        terminal.expect_text("→ ~/.venvs/torch")
        terminal.send(CTRL_Z, ESCAPE, "x", "?")
        terminal.expect_text("The folder is made if it is missing.")
        terminal.expect(lambda: terminal.text.count(FIRST) == 2, "the question again")
        terminal.send(CTRL_C)
        assert terminal.finish() == 130


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D, "signal"])
@pytest.mark.parametrize("typing", [False, True])
def test_stopping_changes_nothing_and_leaves_the_terminal_as_it_was(keys: str, *, typing: bool) -> None:
    with wizard("NO_GPU") as terminal:
        terminal.expect_text("→ ~/.venvs/torch")
        if typing:
            terminal.send(DOWN, ENTER)
            terminal.expect_text(TYPING)
        assert not terminal.is_sane()
        if keys == "signal":
            terminal.signal(signal.SIGINT)
        else:
            terminal.send(keys)
        assert terminal.finish() == 130
        assert "STOPPED interrupted" in terminal.text
        assert terminal.is_sane()


@pytest.mark.parametrize(
    ("number", "options", "status"),
    [
        (signal.SIGTERM, (), 128 + signal.SIGTERM),
        (signal.SIGHUP, (), 128 + signal.SIGHUP),
        (signal.SIGTERM, ("--raising",), 143),
        (signal.SIGHUP, ("--raising",), 143),
        (signal.SIGTERM, ("--plain",), 128 + signal.SIGTERM),
    ],
)
def test_ending_signals_leave_the_terminal_as_it_was(
    number: signal.Signals, options: tuple[str, ...], status: int
) -> None:
    with wizard("NO_GPU", *options) as terminal:
        terminal.expect_text("~/.venvs/torch")
        terminal.expect_text("Number [1]" if "--plain" in options else "→")
        terminal.signal(number)
        assert terminal.finish() == status
        assert terminal.is_sane()
        assert "CONFIRMED" not in terminal.text


def test_a_pasted_line_loses_its_break_and_two_lines_are_refused() -> None:
    with wizard("NO_GPU") as terminal:
        terminal.expect_text("→ ~/.venvs/torch")
        terminal.send(DOWN, ENTER)
        terminal.expect_text(TYPING)
        terminal.send(PASTE_BEGINS + "/data/a\n/data/b\n" + PASTE_ENDS, ENTER)
        terminal.expect_text("the character U+000A has no place here")
        terminal.send("\x15\x7f\x15" + PASTE_BEGINS + "/data/c\n" + PASTE_ENDS)
        terminal.expect_text("/data/c")
        terminal.send(ENTER)
        terminal.expect_text(SECOND)
        terminal.send(ENTER)
        terminal.expect_text("REVIEW cpu in /data/c for auto")
        terminal.send(CTRL_C)
        assert terminal.finish() == 130


def test_plain_lines_give_the_same_answers() -> None:
    with wizard("WORKSTATION", "--plain", columns=40, TERM="dumb") as terminal:
        for question in WORKSTATION_QUESTIONS:
            terminal.expect(lambda question=question: question in " ".join(terminal.text.split()), question)  # type: ignore[misc]
            terminal.expect(lambda: "quit:" in terminal.lines[terminal.screen.cursor.y], "a prompt")
            terminal.send(ENTER)
        assert terminal.finish() == 0
        assert b"\x1b[?25l" not in terminal.output, "plain lines move no cursor"
        assert "wizard shell.shells auto" in terminal.text


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D, "q\r"])
def test_plain_lines_can_be_stopped(key: str) -> None:
    with wizard("NO_GPU", "--plain") as terminal:
        terminal.expect_text("Number [1]")
        terminal.send(key)
        assert terminal.finish() == 130
        assert "STOPPED interrupted" in terminal.text
        assert terminal.is_sane()
