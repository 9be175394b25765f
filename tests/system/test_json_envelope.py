"""What every command prints with `--json`: one document that begins with `schema`, and one shape of error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.command import Person
from support.command_table import commands, names
from support.shell_cases import toolkit

FACTS = "schema: 1\nos: {system: linux, id: ubuntu, version: '24.04', arch: x86_64, libc: glibc}\ngpus: []\n"
FACTS += "pythons: [{path: /usr/bin/python3, version: 3.12.3, kind: system}]\n"
MORE = {
    "doctor": ("--machine", "{facts}"),
    "resolve": ("--offline", "--machine", "{facts}"),
    "setup": ("--yes", "--dry-run", "--offline", "--set", "python.version=3.12", "--machine", "{facts}"),
    "shell apply": ("--yes", "--cuda-home", "{cuda}"),
    "shell remove": ("--yes",),
    "shell show": ("--cuda-home", "{cuda}"),
    "undo": ("--yes",),
    "verify": ("--script", "{probe}"),
}
"""What a command needs to give its data in a home where the shells are set up, without a network."""

NOTHING_TO_GIVE = {"resume": 6}
"""The commands that have nothing to give there, with their status."""

ANSWERED = {"shell check": {0, 4}, "doctor": {0, 4}}
"""The commands whose status tells of the machine that runs the tests, although they give their data."""


@pytest.fixture
def set_up(tmp_path: Path) -> Person:
    """Somebody whose bash knows a toolkit by torchup's doing."""
    person = Person(tmp_path / "home", environ={"PATH": "/usr/bin:/bin"})
    cuda = toolkit(tmp_path / "cuda", "13.0")
    done = person.torchup("shell", "apply", "--yes", "--shell", "bash", "--cuda-home", str(cuda))
    assert done.returncode == 0, done.stderr
    (tmp_path / "facts.yaml").write_text(FACTS)
    return person


def words_of(name: str, folder: Path) -> list[str]:
    places = {"cuda": folder / "cuda", "facts": folder / "facts.yaml", "probe": folder / "probe.pyz"}
    return [*dict(commands(folder))[name], *(word.format_map(places) for word in MORE.get(name, ()))]


def document(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(ran.stdout)
    assert next(iter(data.items())) == ("schema", 1)
    return data


def error_of(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    data = document(ran)
    assert list(data) == ["schema", "error"]
    error: dict[str, Any] = data["error"]
    assert list(error) == ["code", "message", "evidence", "hint", "exit_status"]
    assert error["exit_status"] == ran.returncode != 0
    assert error["message"]
    assert isinstance(error["evidence"], list)
    assert error["message"].split("\n")[0] in ran.stderr
    return error


@pytest.mark.parametrize("name", names())
def test_what_a_command_gives_comes_in_the_envelope(name: str, set_up: Person, tmp_path: Path) -> None:
    ran = set_up.torchup(*words_of(name, tmp_path), "--json")
    if name in NOTHING_TO_GIVE:
        assert error_of(ran)["exit_status"] == NOTHING_TO_GIVE[name]
        return
    assert ran.returncode in ANSWERED.get(name, {0}), ran.stderr
    data = document(ran)
    assert "error" not in data
    assert len(data) > 1


@pytest.mark.parametrize("name", names())
def test_bad_arguments_come_in_the_envelope(name: str, tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    for ran in (
        person.torchup(*words_of(name, tmp_path), "--no-such-option", "--json"),
        person.torchup("--json", *words_of(name, tmp_path), "--lang", "klingon"),
    ):
        error = error_of(ran)
        assert (error["code"], error["exit_status"]) == ("bad-arguments", 2)
        assert f"{name} --help" in error["hint"]


@pytest.mark.parametrize("name", names())
def test_why_a_command_was_refused_comes_in_the_envelope(name: str, tmp_path: Path) -> None:
    ran = Person(tmp_path / "home").torchup(*words_of(name, tmp_path), "--json", HOME="nowhere")
    assert error_of(ran)["code"] == "home-not-absolute"


def test_an_unknown_command_comes_in_the_envelope(tmp_path: Path) -> None:
    assert error_of(Person(tmp_path / "home").torchup("frobnicate", "--json"))["code"] == "bad-arguments"


def test_what_stands_behind_two_dashes_asks_for_nothing(tmp_path: Path) -> None:
    ran = Person(tmp_path / "home").torchup("detect", "--", "--json")
    assert (ran.returncode, ran.stdout) == (2, "")


def test_an_interrupt_comes_in_the_envelope() -> None:
    script = (
        "from torchup.app import inspect\n"
        "def interrupted(*_, **__): raise KeyboardInterrupt\n"
        "inspect.run_matrix = interrupted\n"
        "from torchup.cli import main\n"
        "main(['matrix', '--json'])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert error_of(ran)["code"] == "interrupted"
    assert ran.returncode == 130
