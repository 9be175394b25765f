"""A journal that cannot be read is said by every command that reads it, and costs no backup."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import Person


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def forbid(path: Path) -> None:
    path.chmod(0)


def copied(path: Path) -> None:
    path.with_name("copy of run-0001.jsonl").write_bytes(path.read_bytes())


def copied_with_a_zero(path: Path) -> None:
    path.with_name("run-00001.jsonl").write_bytes(path.read_bytes())


def away(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("not-mounted")


def a_file(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.write_text("")


HARMS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "first line cut off": cut,
    "first line gone": lambda path: path.write_bytes(path.read_bytes().partition(b"\n")[2]),
    "no JSON": lambda path: path.write_text("a note\n"),
    "no record": lambda path: path.write_text('["head"]\n'),
    "deep JSON": lambda path: path.write_text("[" * 200_000 + "\n"),
    "deep JSON in a plan": lambda path: path.write_bytes(
        path.read_bytes().replace(b'"home":', b'"more": ' + b"[" * 200_000 + b"]" * 200_000 + b', "home":', 1)
    ),
    "bytes": lambda path: path.write_bytes(bytes(range(256)) * 64),
    "a folder": folder,
    "links in a circle": loop,
    "a pipe": pipe,
    "not readable": forbid,
    "a second record of a run": copied,
    "copied with a zero": copied_with_a_zero,
    "the journal out of reach": away,
    "a file in place of the journal": a_file,
}
COMMANDS = (
    ["status"],
    ["status", "--json"],
    ["resume"],
    ["undo"],
    ["undo", "--dry-run"],
    ["setup", "--yes", "--offline"],
    ["setup", "--yes", "--offline", "--dry-run"],
    ["shell", "apply", "--shell", "bash", "--environment", "environment", "--yes"],
    ["shell", "remove", "--yes"],
    ["shell", "check"],
    ["verify"],
    ["doctor", "--no-test"],
)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody whose bash knows an environment, by a run of torchup."""
    person = Person(home=tmp_path / "home")
    (person.home / "environment").mkdir()
    done = person.torchup("shell", "apply", "--shell", "bash", "--environment", "environment", "--yes")
    assert done.returncode == 0, done.stderr
    return person


def state_of(person: Person) -> Path:
    return person.home / ".local/state/torchup"


def journal_of(person: Person) -> Path:
    return state_of(person) / "journal/run-0001.jsonl"


@pytest.mark.parametrize("harm", HARMS)
def test_a_journal_that_is(person: Person, harm: str) -> None:
    if harm == "not readable" and (os.name == "nt" or os.geteuid() == 0):
        pytest.skip("root and Windows read everything")
    kept = sorted(path.name for path in (state_of(person) / "backups").iterdir())
    block = (person.home / ".bashrc").read_bytes()
    HARMS[harm](journal_of(person))
    for command in (["status"], ["undo"]):
        done = person.torchup(*command)
        assert done.returncode == 6, (command, done.stdout)
        assert "error[journal-unreadable]" in done.stderr
        assert "Traceback" not in done.stderr
        assert "mv " in done.stderr
    assert sorted(path.name for path in (state_of(person) / "backups").iterdir()) == kept
    assert (person.home / ".bashrc").read_bytes() == block


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_it(person: Person, command: list[str]) -> None:
    journal_of(person).write_bytes(b"")
    kept = sorted(path.name for path in (state_of(person) / "backups").iterdir())
    done = person.torchup(*command)
    assert done.returncode == 6, done.stdout
    assert "journal-unreadable" in done.stderr + done.stdout
    assert sorted(path.name for path in (state_of(person) / "backups").iterdir()) == kept


def test_the_command_in_the_hint_is_a_way_out(person: Person) -> None:
    journal_of(person).write_bytes(b"")
    hint = person.torchup("status").stderr.rpartition(": mv ")[2].split()
    Path(hint[0]).rename(hint[1])
    done = person.torchup("shell", "apply", "--shell", "zsh", "--environment", "environment", "--yes")
    assert done.returncode == 0, done.stderr
    assert person.torchup("undo", "--yes").returncode == 0
