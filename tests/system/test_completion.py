"""Completion in real shells on a terminal, as a person who presses the tab key sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.terminal import TerminalSession
from support.tools import require

TAB = "\t"


def session(shell: str, person: Person, tmp_path: Path) -> TerminalSession:
    program = require(shell)
    script = tmp_path / "completion"
    script.write_text(person.torchup("completion", shell).stdout, encoding="utf-8")
    argv = {
        "bash": [program, "--norc", "--noprofile", "-i"],
        "zsh": [program, "-f", "-i"],
        "fish": [program, "--no-config", "-i"],
    }[shell]
    environ = {**person.environ, "PATH": f"{TORCHUP.parent}:{person.environ['PATH']}", "TERM": "xterm"}
    return TerminalSession(argv, environ=environ, folder=person.home)


@pytest.mark.parametrize(
    ("shell", "ready"),
    [("bash", "source '{}'"), ("zsh", "autoload -Uz compinit && compinit -D && source '{}'"), ("fish", "source '{}'")],
)
def test_a_command_is_completed(shell: str, ready: str, person: Person, tmp_path: Path) -> None:
    with session(shell, person, tmp_path) as terminal:
        terminal.send(ready.format(tmp_path / "completion") + "; echo rea''dy\r")
        terminal.expect_text("ready")
        terminal.send("torchup stat", TAB)
        terminal.expect_text("torchup status")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("torchup s", {"setup", "shell", "status"}),
        ("torchup setup --answ", {"--answers"}),
        ("torchup setup --set shell.s", {"shell.shells=", "shell.scope="}),
        ("torchup setup --set shell.scope=", {"shell.scope=interactive", "shell.scope=all"}),
        ("torchup verify --level ", {"quick", "standard", "full"}),
        ("torchup --lang ", {"en", "zh"}),
    ],
)
def test_what_could_stand_here(words: str, expected: set[str], person: Person) -> None:
    answered = person.torchup(
        _TORCHUP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
    )
    assert {line.partition(",")[2] for line in answered.stdout.splitlines()} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_comes_as_json_too(shell: str, person: Person) -> None:
    assert "_TORCHUP_COMPLETE" in person.torchup("completion", shell, "--json").stdout
