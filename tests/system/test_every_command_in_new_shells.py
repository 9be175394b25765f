"""The second day: after a set-up every command works in every new shell, and inside the activated environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from support import run_commands
from support.command import TORCHUP, Person
from support.new_terminal import NewTerminal, Way
from support.shell_cases import toolkit
from support.tools import NIGHTLY, require
from support.wheel_index import WheelIndex
from torchup.cli import cli
from torchup.own_variables import EXPORTED, is_own

SHELLS = ("bash", "zsh", "fish", "tcsh", "ksh")
ACTIVATE = {"bash": ". {}/activate", "zsh": ". {}/activate", "ksh": ". {}/activate", "fish": "source {}/activate.fish",
            "tcsh": "source {}/activate.csh"}  # fmt: skip

# For each command: harmless arguments, and how it may end here. A stub of torch passes no tensor test (4), and nothing
# is left to resume (6).
# What stands in braces is filled in by `SetUp`.
COMMANDS: dict[tuple[str, ...], tuple[list[str], set[int]]] = {
    (): (["--help"], {0}),
    ("answers",): (["--help"], {0}),
    ("answers", "check"): (["{answers}"], {0}),
    ("answers", "init"): (["-"], {0}),
    ("answers", "schema"): ([], {0}),
    ("completion",): (["fish"], {0}),
    ("detect",): ([], {0}),
    ("doctor",): (["--no-test"], {0, 4}),
    ("matrix",): (["--torch", "2.15"], {0}),
    ("resolve",): (["--answers", "{answers}"], {0}),
    ("resume",): ([], {6}),
    ("setup",): (["--answers", "{answers}", "--dry-run", "--exit-code"], {0}),
    ("shell",): (["--help"], {0}),
    ("shell", "apply"): (["--environment", "{environment}", "--dry-run"], {0}),
    ("shell", "check"): ([], {0}),
    ("shell", "remove"): (["--dry-run"], {0}),
    ("shell", "show"): (["--environment", "{environment}"], {0}),
    ("status",): ([], {0}),
    ("undo",): (["--dry-run"], {0}),
    ("verify",): (["--level", "quick"], {4}),
}
QUICK = [path for path in COMMANDS if path not in {("verify",), ("shell", "check")}]
"""What `make test-nightly` runs in every shell and every way of starting it; the two that start many processes once."""
FEW = [("answers", "check"), ("setup",), ("shell", "apply"), ("status",)]
"""What `make test` runs in every shell: what reads variables as answers, and the journal. All commands run in bash."""
pytestmark = pytest.mark.xdist_group("new shells")  # one set-up for all of them


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Walk the command table."""
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


@dataclass(frozen=True)
class SetUp:
    """A home that was set up for every shell, with everything that torchup can export."""

    person: Person
    answers: str

    @property
    def environment(self) -> Path:
        return self.person.home / ".venvs/torch"

    @property
    def settings(self) -> dict[str, str]:
        """Give what the person has in every session anyway: where their pip and uv look."""
        return {name: value for name, value in self.person.environ.items() if name.startswith(("PIP_", "UV_"))}

    def argv(self, path: tuple[str, ...]) -> list[str]:
        filled = {"answers": self.answers, "environment": str(self.environment)}
        return [str(TORCHUP), *path, *(word.format_map(filled) for word in COMMANDS[path][0])]


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    folder = tmp_path_factory.mktemp("second day")
    cuda = toolkit(folder / "cuda 13's", "13.0")
    with WheelIndex() as index:
        index.pytorch("cpu").add("torch", "2.15.0+cpu")
        person = Person(home=folder / "home", index=index)
        for shell in SHELLS:
            require(shell)
        (person.home / ".kshrc").touch()
        answers = person.answers(
            f"schema: 1\ntorch: {{packages: [torch]}}\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
            f"shell: {{shells: [{', '.join(SHELLS)}], ld_library_path: always}}\n"
            f'cuda_toolkit: {{source: existing, path: "{cuda}"}}\n'
        )
        done = person.torchup("setup", "--answers", answers)
        assert done.returncode == 0, done.stderr
        yield SetUp(person, answers)


def test_every_command_has_its_row() -> None:
    assert set(commands()) == set(COMMANDS)


@pytest.mark.parametrize("way", ["interactive", "login"])
@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_works_in_a_new_shell(shell: str, way: Way, set_up: SetUp, tmp_path: Path) -> None:
    with NewTerminal(shell, set_up.person.home, way, set_up.settings) as terminal:
        known = terminal.variables()
        assert {name for name in known if is_own(name)} == set(EXPORTED), "what a new shell is to know"
        run_all(terminal, set_up, commands_in(shell, QUICK if way == "login" else list(COMMANDS)), tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_works_inside_the_activated_environment(shell: str, set_up: SetUp, tmp_path: Path) -> None:
    with NewTerminal(shell, set_up.person.home, "interactive", set_up.settings) as terminal:
        terminal.type(ACTIVATE[shell].format(".venvs/torch/bin"))
        assert terminal.variables().get("VIRTUAL_ENV") == str(set_up.environment)
        run_all(terminal, set_up, commands_in(shell, QUICK), tmp_path)


def commands_in(shell: str, paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return paths if NIGHTLY or shell == "bash" else FEW


def run_all(terminal: NewTerminal, set_up: SetUp, paths: list[tuple[str, ...]], folder: Path) -> None:
    """Run the commands from the shell; each ends as it should, and takes no variable for a mistaken answer."""
    wanted, results = folder / "commands.json", folder / "results.json"
    wanted.write_text(json.dumps([set_up.argv(path) for path in paths]), encoding="utf-8")
    terminal.run([sys.executable, str(run_commands.__file__), str(wanted), str(results)], seconds=300)
    found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
    assert len(found) == len(paths)
    wrong = [
        result
        for path, result in zip(paths, found, strict=True)
        if result["status"] not in COMMANDS[path][1] or "unknown key" in result["err"]
    ]
    assert wrong == []


def test_an_answer_in_a_variable_counts_beside_those_that_are_exported(set_up: SetUp) -> None:
    with NewTerminal("bash", set_up.person.home, "login", set_up.settings) as terminal:
        set_up.person.environ |= terminal.variables()
    done = set_up.person.torchup("resolve", "--answers", set_up.answers, TORCHUP_SET_TORCH_VERSION="==9.9")
    assert done.returncode == 7
    assert "9.9" in done.stdout + done.stderr
