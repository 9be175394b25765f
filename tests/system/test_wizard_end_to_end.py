"""The wizard carried out for real: the review's details, the end, the answers kept, and the same plan from them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.terminal import CTRL_C, ENTER, UP, TerminalSession
from torchup.answers.read import read_answers

FOLDER = "Which folder shall the environment live in?"
TOOLKIT = "Do you compile CUDA code (with nvcc)?"
SHELLS = "Which shells shall find PyTorch?"
REVIEW = "Shall all this be done now?"


@pytest.fixture
def known(person: Person) -> list[str]:
    """Answers that keep what else is on the machine that runs the tests out of the questions."""
    assert person.index is not None
    (person.home / ".bashrc").unlink()
    settings = {
        "source.mirror": person.index.url("whl"),
        "python.version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "torch.variant": "cpu",
        "cuda_toolkit.source": "none",
        "environment.kind": "venv",
        "gpus.use": "all",
        "driver.action": "keep",
        "verify.level": "none",
    }
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def start(person: Person, *arguments: str) -> TerminalSession:
    environ = {**person.environ, "PIP_CONFIG_FILE": "/dev/null"}
    return TerminalSession([str(TORCHUP), "setup", *arguments], environ=environ, folder=person.home, rows=40)


def words(text: str) -> str:
    return "".join(text.split())


def test_enter_all_the_way_sets_up_and_the_kept_answers_make_the_same_plan(person: Person, known: list[str]) -> None:
    answers = person.home / ".config/torchup/answers.yaml"
    with start(person, *known) as terminal:
        terminal.expect_text(f"{FOLDER} (", seconds=30)
        terminal.send(ENTER)
        terminal.expect_text(f"{SHELLS} (")
        terminal.send(ENTER)
        terminal.expect_text(f"{REVIEW} (")
        shown = words(terminal.text)
        assert words(f"{person.home}/.bashrc (a new file)") in shown
        assert words(f"{person.home}/.zshrc\n") in shown
        assert not answers.exists(), "nothing is changed before the review is confirmed"
        # Up from the first entry: Back, quit, change, and then the last of the files.
        terminal.send(UP, UP, UP, UP)
        terminal.expect(lambda: any(re.search(r"→ Look at .*home/\.zshrc$", line) for line in terminal.lines), "it")
        terminal.send(ENTER)
        terminal.expect_text("+# >>> torchup 1")
        terminal.expect(lambda: terminal.text.count(f"{REVIEW} (") == 1, "the review asked again")
        terminal.send(ENTER)
        assert terminal.finish() == 0
        end = words(terminal.text)
        assert terminal.is_sane()
    assert words(f"created {person.home}/.bashrc (one block)") in end
    assert words(f"edited {person.home}/.zshrc (one block)") in end
    assert words(f". {person.home}/.venvs/torch/bin/activate") in end
    assert words(f"answers {answers}") in end
    assert re.search(r"Undoallofit\S*torchupundo", end)
    assert person.installed()["torch"] == "2.15.0+cpu"

    again = person.torchup("setup", "--answers", str(answers), "--dry-run", "--exit-code")
    assert again.returncode == 0, again.stdout


def kept(person: Person, file: Path, known: list[str], *, plain: bool) -> bytes:
    """Answer a few questions, stop at the review, and give the answers file that was kept."""
    arguments = [*known, "--save-answers", str(file), *(["--plain"] if plain else [])]
    with start(person, *arguments) as terminal:
        terminal.expect_text(f"{FOLDER}{'' if plain else ' ('}", seconds=30)
        terminal.expect_text("Number [1]" if plain else "→ ~/.venvs/torch")
        terminal.send("2\r" if plain else "\x1b[B\r")
        terminal.expect_text("Text, b back" if plain else "Path: (")
        terminal.send("/data/torch", ENTER)
        terminal.expect_text(SHELLS if plain else f"{SHELLS} (")
        terminal.expect_text("only bash")
        terminal.expect(lambda: not plain or terminal.lines[terminal.screen.cursor.y].endswith("quit:"), "a prompt")
        terminal.send("2\r" if plain else "\x1b[B\r")
        terminal.expect_text(REVIEW if plain else f"{REVIEW} (")
        terminal.send(CTRL_C)
        assert terminal.finish() == 130
    return file.read_bytes()


def test_plain_lines_keep_the_same_answers_file(person: Person, known: list[str], tmp_path: Path) -> None:
    by_keys = kept(person, tmp_path / "keys.yaml", known, plain=False)
    by_lines = kept(person, tmp_path / "lines.yaml", known, plain=True)
    assert by_lines == by_keys
    request = read_answers(tmp_path / "lines.yaml")
    assert (request.environment.path, request.shell.shells) == ("/data/torch", ("bash",))
