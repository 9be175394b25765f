"""What the end of a set-up tells to type works when it is typed, in a new terminal of the same shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.new_terminal import NewTerminal
from support.tools import require
from support.wheel_index import WheelIndex


def below(title: str, text: str) -> str:
    """Give the line below a title of the closing screen."""
    lines = [line.strip() for line in text.splitlines()]
    return lines[lines.index(title) + 1]


@pytest.mark.parametrize("name", ["home", "it's my home"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "ksh"])
def test_the_lines_to_type_work(shell: str, name: str, index: WheelIndex, tmp_path: Path) -> None:
    require(shell)
    person = Person(home=tmp_path / name, index=index)
    answers = person.answers(
        f"schema: 1\ntorch: {{packages: [torch]}}\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
        f"shell: {{shells: [{shell}]}}\n"
    )
    settings = {key: value for key, value in person.environ.items() if key.startswith(("PIP_", "UV_"))}
    with NewTerminal(shell, person.home, "interactive", settings) as terminal:
        terminal.run([str(TORCHUP), "setup", "--answers", answers], seconds=60)
        use, undo = below("Use it now", terminal.text), below("Undo all of it", terminal.text)
    with NewTerminal(shell, person.home, "interactive", settings) as terminal:
        terminal.type(use)
        assert terminal.variables().get("VIRTUAL_ENV") == str(person.home / ".venvs/torch"), use
    with NewTerminal(shell, person.home, "login", settings) as terminal:
        terminal.run([*shlex.split(undo), "--yes"], seconds=60)
        assert not (person.home / ".venvs/torch").exists(), terminal.text
