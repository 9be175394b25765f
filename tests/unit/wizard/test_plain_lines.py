"""Numbered lines: what counts as an answer, and what is asked again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from torchup.model.context import Terminal
from torchup.ui.ask.backend import asker_for
from torchup.ui.ask.plain import PlainAsker
from torchup.ui.ask.pretty import PrettyAsker
from torchup.ui.ask.prompt import BACK, HELP, QUIT, Line, Menu, Option, Wish

MENU = Menu(
    text="Which?",
    options=(Option(id="a", label="first", mark=" (recommended)"), Option(id="b", label="second")),
    default="b",
)
FIRST_MENU = Menu(text="Which?", options=MENU.options, default="a", can_go_back=False, has_help=False)
LINE = Line(text="Path:", default="/d", problem=lambda text: None if text.startswith("/") else "No path.")


class Lines:
    """A terminal that types prepared lines and then ends."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.prompts: list[str] = []
        self.words: list[str] = []
        self.asker = PlainAsker(self.words.append, self._read)

    def _read(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return next(self._lines, None)


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["1"], "a"),
        (["2"], "b"),
        ([""], "b"),
        ([" 1 "], "a"),
        (["0", "3", "first", "-1", "1.0", "²", "1"], "a"),
        (["b"], BACK),
        (["back"], BACK),
        (["?"], HELP),
        (["Q"], QUIT),
        ([], QUIT),
    ],
)
def test_a_menu(lines: list[str], answer: str | Wish) -> None:
    assert Lines(*lines).asker.choose(MENU) == answer


def test_a_menu_shows_numbers_the_default_and_its_commands() -> None:
    terminal = Lines("1")
    terminal.asker.choose(MENU)
    assert terminal.words == ["Which?", "  1) first (recommended)", "  2) second"]
    assert terminal.prompts == ["Number [2], b back, ? help, q quit: "]


def test_commands_that_a_menu_lacks_are_no_answers() -> None:
    terminal = Lines("b", "?", "1")
    assert terminal.asker.choose(FIRST_MENU) == "a"
    assert terminal.prompts == ["Number [1], q quit: "] * 3
    assert terminal.words.count("Please give a number from 1 to 2.") == 2


@pytest.mark.parametrize(
    ("lines", "answer"),
    [(["/x"], "/x"), ([""], "/d"), (["x", " /y "], "/y"), (["b"], BACK), (["?"], HELP), (["quit"], QUIT), ([], QUIT)],
)
def test_a_line(lines: list[str], answer: str | Wish) -> None:
    terminal = Lines(*lines)
    assert terminal.asker.type_in(LINE) == answer
    assert ("No path." in terminal.words) == (lines[:1] == ["x"])


def test_the_back_end_follows_the_terminal() -> None:
    fancy = Terminal(stdin_is_terminal=True, stdout_is_terminal=True, stderr_is_terminal=True)
    plain = Terminal(stdin_is_terminal=True, stdout_is_terminal=True, stderr_is_terminal=True, plain=True)
    assert isinstance(asker_for(fancy, print), PrettyAsker)
    assert isinstance(asker_for(plain, print), PlainAsker)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("No", "No"),
        ("PyTorch 2.15.0 for CUDA 13.0", "PyTorc...DA 13.0"),
        ("Look at /home/ada/.venvs/torch/pylock.toml", "Look a...ck.toml"),
        ("中" * 20, "中中中...中中中"),
    ],
)
def test_a_long_label_loses_its_middle(label: str, shown: str) -> None:
    asker = PrettyAsker(columns=20)
    assert asker._fit(Option(id="x", label=label)) == shown


@pytest.mark.parametrize(
    "module",
    ["torchup.ui.wizard", "torchup.ui.ask.plain", "torchup.answers.write", "torchup.answers.overrides"],
)
def test_slow_libraries_are_loaded_only_when_they_are_used(module: str) -> None:
    code = f"import sys, {module}; print(*{{'questionary', 'rich', 'pydantic', 'yaml'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == ""
