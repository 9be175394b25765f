"""What undo, rollback and resume take of an environment: cases that the command line hardly reaches."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.sandbox import Sandbox, passing, tree
from support.wheel_index import stub_wheel
from torchup.apply.events import Event, StepStarted
from torchup.apply.history import read_runs
from torchup.apply.run import apply_plan, resume_run, undo_run
from torchup.errors import StepError, StoppedError
from torchup.model.plan import MakeDirectory, Plan

NEW_KEYS = {"folder", "folders", "skeleton", "records", "as_of", "span"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")


def as_an_earlier_release_wrote_it(box: Sandbox) -> None:
    """Take out of the journal what 0.1.0 did not write."""
    journal = read_runs(box.context)[0].path
    lines = []
    for line in map(json.loads, journal.read_text().splitlines()):
        if isinstance(line.get("change"), dict):
            kind = line["change"]["kind"]
            dropped = NEW_KEYS | ({"run"} if kind == "environment" else set())
            line["change"] = {key: value for key, value in line["change"].items() if key not in dropped}
        lines.append(json.dumps(line))
    journal.write_text("\n".join(lines) + "\n")


def test_a_run_of_an_earlier_release_is_undone_whole(box: Sandbox) -> None:
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    (box.environment / ".torchup-run").unlink()
    as_an_earlier_release_wrote_it(box)
    assert not undo_run(box.machine).left
    assert tree(box.home) == before


def test_a_run_of_an_earlier_release_leaves_what_is_a_persons(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    as_an_earlier_release_wrote_it(box)
    mine = [box.environment / "notes.ipynb", site(box) / "mine.py", box.environment / "bin/mine"]
    for path in mine:
        path.write_text("mine")
    assert len(undo_run(box.machine).left[0].kept) == len(mine)
    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert not (site(box) / "torch").exists()


def site(box: Sandbox) -> Path:
    return next(box.environment.glob("lib/python3*/site-packages"))


@as_root
def test_what_belongs_to_another_user_stays(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    theirs = site(box) / "torch/version.py"
    os.chown(theirs, 12345, 12345)
    there = tree(box.environment)
    os.chown(box.environment, 12345, 12345)
    result = undo_run(box.machine)
    assert "another user" in result.left[0].text
    inside = {path: what for path, what in tree(box.environment).items() if not path.endswith((".txt", ".toml"))}
    assert inside.items() <= there.items()
    assert theirs.exists()
    os.chown(box.environment, 0, 0)
    assert str(theirs) in undo_run(box.machine).left[0].kept
    assert theirs.exists()
    assert not (site(box) / "torch/__init__.py").exists()


def test_half_a_package_is_known_by_the_cache_of_the_installer(box: Sandbox) -> None:
    """The power went while uv was at work: nobody knows when, and there is no record."""
    apply_plan(box.plan(), box.machine, verifier=passing)
    journal = read_runs(box.context)[0].path
    kept = []
    for line in map(json.loads, journal.read_text().splitlines()):
        kept.append(line)
        if line["record"] == "started" and line["step"] == "packages":
            break
    journal.write_text("".join(json.dumps(line) + "\n" for line in kept))
    next(site(box).glob("torch-*.dist-info/RECORD")).unlink()
    next(site(box).glob("sympy-*.dist-info/RECORD")).unlink()
    cut = site(box) / "torch/version.py"
    content = cut.read_bytes()
    cut.unlink()  # a hard link to the cache
    cut.write_bytes(content[:5])
    for name in ("pylock.toml", "torchup-installed.txt"):  # of a later step
        (box.environment / name).unlink()
    mine = site(box) / "torch/mine.py"
    mine.write_text("mine")
    left = undo_run(box.machine).left
    assert str(mine) in left[0].kept
    assert {path.name for path in site(box).rglob("*") if path.is_file()} <= {
        *("mine.py", "INSTALLER", "REQUESTED", "uv_cache.json", "direct_url.json")
    }
    assert mine.read_text() == "mine"


def test_a_rollback_leaves_what_a_person_put_in_meanwhile(box: Sandbox) -> None:
    broken = stub_wheel("torchvision", "0.28.0+cpu", requires=["nowhere"])
    broken.write(box.wheels)
    box.wish(extras=("torchvision",))
    mine = box.environment / "notes.ipynb"

    def meanwhile(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step.id == "extras":
            mine.write_text("mine")

    with pytest.raises(StoppedError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing, on_event=meanwhile)
    assert any("notes.ipynb" in line for line in caught.value.evidence)
    assert mine.read_text() == "mine"
    assert not (box.environment / "bin").exists()


def an_environment_of_theirs(box: Sandbox) -> Path:
    environment = box.home / "theirs"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, environment], check=True)
    box.wish(path=str(environment), kind="existing")
    return environment


def test_a_resumed_run_knows_what_was_there_before_its_first_try(box: Sandbox) -> None:
    environment = an_environment_of_theirs(box)
    apply_plan(box.plan(), box.machine, verifier=passing)
    journal = read_runs(box.context)[0].path
    lines = journal.read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if json.loads(line).get("step") == "packages")
    journal.write_text("\n".join(lines[: end + 1]) + "\n")  # killed when all was installed and nothing noted
    assert list(environment.rglob("*.dist-info"))
    resume_run(box.machine, verifier=passing)
    assert not undo_run(box.machine).left
    assert not list(environment.rglob("*.dist-info"))


def test_a_failed_installation_leaves_nothing_in_an_existing_environment(box: Sandbox) -> None:
    an_environment_of_theirs(box)
    box.wish(path=str(box.home / "theirs"), kind="existing", extras=("torchvision",))
    stub_wheel("torchvision", "0.28.0+cpu", requires=["nowhere"]).write(box.wheels)
    before = {name for name in tree(box.home) if "__pycache__" not in name}
    with pytest.raises(StepError):
        apply_plan(box.plan(), box.machine, verifier=passing)
    after = {name for name in tree(box.home) if "__pycache__" not in name}
    assert after - {"theirs/.lock"} == before  # uv leaves its lock, which is empty


def test_folders_of_a_try_that_was_cut_off_are_taken_back_too(box: Sandbox) -> None:
    """The first try made the outer folder and was killed, the second one makes the inner."""
    step = MakeDirectory(id="folder", summary="s", why="w", path=str(box.home / "outer/inner"))
    plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=(step,))
    apply_plan(plan, box.machine, verifier=None)
    journal = read_runs(box.context)[0].path
    journal.write_text("\n".join(journal.read_text().splitlines()[:2]) + "\n")
    (box.home / "outer/inner").rmdir()
    resume_run(box.machine, verifier=None)
    assert (box.home / "outer/inner").is_dir()
    assert not undo_run(box.machine).left
    assert not (box.home / "outer").exists()


@pytest.mark.parametrize("name", ["activate", "version.py", "RECORD", ".torchup-run"])
def test_an_undo_that_was_cut_off_in_an_environment_can_be_gone_on_with(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    unlink, left = Path.unlink, [name]

    def fails_once(path: Path, *, missing_ok: bool = False) -> None:
        if path.is_relative_to(box.environment) and path.name in left:
            left.clear()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", fails_once)
    assert "could not be removed whole" in undo_run(box.machine).left[0].text
    assert not undo_run(box.machine).left
    assert tree(box.home) == before
