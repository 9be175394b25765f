"""The real wizard on a recorded machine, Enter all the way: in both languages, on narrow and wide terminals, and plain."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from support.command import TORCHUP, Person
from support.machines import MACHINES
from support.terminal import ENTER, TerminalSession
from torchup import words
from torchup.answers.questions import question_for

QUIET = 0.6


def facts_file(person: Person, machine: str) -> str:
    facts = yaml.safe_load((MACHINES / f"{machine}.yaml").read_text(encoding="utf-8"))["facts"]
    path = person.home.parent / "facts.yaml"
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")
    return str(path)


def enter_all_the_way(person: Person, *arguments: str, columns: int = 80, **environ: str) -> tuple[int, str]:
    """Press Enter whenever the program waits, to its end; give the exit status and all that was shown."""
    facts = facts_file(person, "laptop-4060")
    argv = [str(TORCHUP), "setup", "--machine", facts, "--dry-run", "--offline", *arguments]
    with TerminalSession(argv, columns=columns, environ={**person.environ, **environ}, folder=person.home) as terminal:
        end = time.monotonic() + 90
        while b"status:" not in terminal.output:
            assert time.monotonic() < end, terminal.text
            seen = len(terminal.output)
            terminal._read(QUIET)
            if len(terminal.output) == seen and seen:
                terminal.send(ENTER)
        assert terminal.is_sane()
        return terminal.finish(), terminal.text


def said(language: words.Language, text: str) -> str:
    words.use(language)
    try:
        return words.tr(text)
    finally:
        words.use("en")


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_enter_all_the_way(language: words.Language, columns: int, person: Person) -> None:
    status, shown = enter_all_the_way(person, "--lang", language, columns=columns)
    assert status == 0, shown
    for key in ("torch.variant", "environment.path", "shell.shells"):
        assert squeezed(said(language, question_for(key).prompt)) in squeezed(shown)
    assert squeezed(said(language, "Shall all this be done now?")) in squeezed(shown)
    # The commands are the same in every language.
    assert "torch==2.15.0+cu130" in squeezed(shown)
    assert "Traceback" not in shown


def test_chinese_has_a_translation_of_every_question() -> None:
    for key in ("torch.variant", "environment.path", "shell.shells"):
        prompt = question_for(key).prompt
        assert said("zh", prompt) != prompt


@pytest.mark.parametrize(
    "environ", [{"TORCHUP_LANG": "zh"}, {"LC_ALL": "zh_CN.UTF-8"}, {"LC_ALL": "", "LANG": "zh_CN.UTF-8"}]
)
def test_the_language_comes_from_the_surroundings_too(environ: dict[str, str], person: Person) -> None:
    person.environ.update(environ)
    done = person.torchup("setup", "--nonsense")
    assert said("zh", "Usage:") in done.stderr


def test_plain_lines_and_an_ascii_terminal(person: Person) -> None:
    status, shown = enter_all_the_way(person, "--plain", TERM="dumb", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert status == 0, shown
    assert squeezed("q quit") in squeezed(shown)
    assert "\\u2192" not in shown, "no sign that the terminal lacks is even tried"


def test_codes_keys_and_commands_are_the_same_in_both(person: Person, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.yaml")
    english = person.torchup("resolve", "--offline", "--machine", missing, "--lang", "en")
    chinese = person.torchup("resolve", "--offline", "--machine", missing, "--lang", "zh")
    assert english.returncode == chinese.returncode == 2
    code = english.stderr.partition("error[")[2].partition("]")[0]
    assert code
    assert f"[{code}]" in chinese.stderr
    assert chinese.stderr != english.stderr
