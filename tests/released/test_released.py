"""What every released version left on a machine can be read, resumed, undone and removed by this one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from packaging.version import Version

from support.command import Person
from support.released import PLACE, RELEASED, described, lay_out, recorded
from torchup import __version__
from torchup.shell.block_scan import find
from torchup.shell.managed_block import remove

RECORDS = list(recorded())
APPLIED = [record for record in RECORDS if record[1] in ("applied", "applied-twice", "named-file")]
KILLED = [record for record in RECORDS if record[1] == "killed"]


def person_at(home: Path) -> Person:
    """Give the person of a record; the start-up files that a new person gets are not theirs."""
    kept = {name: (home / name).read_bytes() for name in (".bashrc", ".zshrc")}
    person = Person(home=home)
    for name, content in kept.items():
        (home / name).write_bytes(content)
    return person


def json_of(person: Person, *arguments: str) -> dict[str, object]:
    done = person.torchup(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    data: dict[str, object] = json.loads(done.stdout)
    return data


def test_this_version_is_recorded_when_it_is_a_release() -> None:
    version = Version(__version__)
    if version.is_prerelease or version.is_devrelease:
        return
    assert (RELEASED / __version__).is_dir(), "make the record: PYTHONPATH=tests python tests/released/record.py"


@pytest.mark.parametrize(("version", "scenario"), RECORDS)
def test_the_recorded_blocks_are_whole_and_come_out(version: str, scenario: str) -> None:
    """On the bytes as they were recorded, moved nowhere."""
    folder = RELEASED / version / scenario
    blocks = 0
    for path in (folder / "home").rglob("*"):
        if not path.is_file() or path.suffix == ".tmp" or ".local" in path.parts:
            continue
        if b"# >>> torchup" not in path.read_bytes():
            continue
        blocks += 1
        content = path.read_bytes()
        assert find(content).kind == "intact"
        before = folder / "before" / path.relative_to(folder / "home")
        assert remove(content).after == (before.read_bytes() if before.exists() else None)
    assert blocks or scenario == "removed"


@pytest.mark.parametrize(("version", "scenario"), RECORDS)
def test_status_tells_what_was_done(version: str, scenario: str, tmp_path: Path) -> None:
    home, _ = lay_out(version, scenario, tmp_path)
    journals = b"".join(path.read_bytes() for path in home.glob(".local/state/torchup/journal/*"))
    assert PLACE.encode() not in journals
    run = json_of(person_at(home), "status")["run"]
    assert isinstance(run, dict)
    assert run["can_resume"] is (scenario == "killed")
    assert run["can_undo"] is (scenario != "removed")
    states = {step["state"] for step in run["steps"]}
    assert states & ({"undone"} if scenario == "removed" else {"done", "half-done"})


@pytest.mark.parametrize(("version", "scenario"), [*APPLIED, *KILLED, *[it for it in RECORDS if it[1] == "setup"]])
def test_undo_gives_back_the_bytes(version: str, scenario: str, tmp_path: Path) -> None:
    home, before = lay_out(version, scenario, tmp_path)
    person = person_at(home)
    for _ in home.glob(".local/state/torchup/journal/*.jsonl"):
        done = person.torchup("undo", "--yes")
        assert done.returncode == 0, done.stderr
    assert described(home) == described(before)
    assert person.torchup("undo", "--yes").returncode == 6


@pytest.mark.parametrize(("version", "scenario"), APPLIED)
def test_removal_gives_back_the_bytes(version: str, scenario: str, tmp_path: Path) -> None:
    home, before = lay_out(version, scenario, tmp_path)
    person = person_at(home)
    # The shells that are chosen today need not be those of then.
    done = person.torchup("shell", "remove", "--yes", SHELL="/usr/sbin/nologin")
    assert done.returncode == 0, done.stderr
    assert described(home) == described(before)
    assert not (home / ".local/state/torchup/backups").exists()


@pytest.mark.parametrize(("version", "scenario"), KILLED)
def test_a_run_that_was_cut_off_can_be_gone_on_with(version: str, scenario: str, tmp_path: Path) -> None:
    home, before = lay_out(version, scenario, tmp_path)
    person = person_at(home)
    done = person.torchup("resume")
    assert done.returncode in (0, 4), done.stderr
    states = {path: find(path.read_bytes()).kind for path in map(home.joinpath, (".bashrc", ".zshrc", ".tcshrc"))}
    assert set(states.values()) == {"intact"}, states
    assert not [name for _, _, names in os.walk(home) for name in names if name.endswith(".tmp")]
    assert person.torchup("undo", "--yes").returncode == 0
    assert described(home) == described(before)
