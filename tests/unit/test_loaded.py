"""A forked run of the loaded program says, writes and returns what a process of its own does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.loaded import loaded
from support.sandbox import tree
from support.tools import REAL

ANSWERS = "schema: 1\nshell: {shells: [bash]}\ncuda_toolkit: {source: none}\n"
RUNS = {
    "a page": ["matrix"],
    "an error": ["setup", "--nonsense"],
    "refused": ["setup"],
    "JSON": ["answers", "schema"],
    "a whole answer": ["resolve", "--offline", "--set", "source.index=pytorch"],
    "files written": ["answers", "init", "wanted.yaml"],
}


@pytest.mark.parametrize("arguments", RUNS.values(), ids=RUNS)
def test_both_say_write_and_return_the_same(arguments: list[str], tmp_path: Path) -> None:
    runs = []
    for number, forked in enumerate((False, True)):
        person = Person(tmp_path / str(number) / "home", environ={"COLUMNS": "90"})
        if forked:
            done = loaded(dated=True).run(
                [str(TORCHUP), *arguments], folder=person.home, environ=person.environ, timeout=60
            )
        else:
            done = subprocess.run(
                [str(TORCHUP), *arguments], cwd=person.home, env=person.environ, stdin=subprocess.DEVNULL,
                capture_output=True, check=False, timeout=60,
            )  # fmt: skip
        said = [text.decode().replace(str(person.home), "~") for text in (done.stdout, done.stderr)]
        runs.append((done.returncode, said, tree(person.home, leave_out=())))
    assert runs[0] == runs[1]


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    with pytest.raises(subprocess.TimeoutExpired):
        loaded(dated=True).run([str(TORCHUP), "doctor"], folder=person.home, environ=person.environ, timeout=0.001)


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_LIBRARY_PATH", "LC_ALL", "LANG", "TZ"])
def test_what_acts_at_the_start_gets_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    person = Person(tmp_path / "home")
    assert loaded(dated=True).starts_alike(person.environ) or REAL
    assert not loaded(dated=True).starts_alike({**person.environ, name: "x"})
