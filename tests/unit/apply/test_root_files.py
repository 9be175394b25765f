"""Files that root changes for a step: whole or not at all, with their mode, shown, and undone to the byte."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from support.sandbox import Sandbox, tree
from support.stand_in_sudo import StandInSudo
from torchup.apply import privilege
from torchup.apply.privilege import Elevation
from torchup.apply.root_files import RootFiles
from torchup.apply.run import apply_plan, undo_run
from torchup.apply.script import dry_run
from torchup.errors import StepError
from torchup.model.outcome import Outcome
from torchup.model.plan import Command, MakeDirectory, Plan, RemoveFile, WriteFile
from torchup.ui.plan_view import render_plan


@pytest.fixture
def sudo(tmp_path: Path) -> Iterator[StandInSudo]:
    sudo = StandInSudo(tmp_path / "sudo")
    with sudo.in_use():
        yield sudo


@pytest.fixture
def files(sudo: StandInSudo) -> RootFiles:
    return RootFiles(elevation=sudo.elevation, note=lambda _line: None)


def root_plan(etc: Path) -> Plan:
    """Make, write, rewrite and remove files of root's below a folder."""
    common = {"summary": "s", "why": "w", "privilege": "root"}
    steps = (
        MakeDirectory(id="folder", path=str(etc / "a/b"), mode=0o750, **common),  # type: ignore[arg-type]
        WriteFile(id="new", path=str(etc / "a/b/new"), content="it's new\n\\n %s\n", mode=0o600, **common),  # type: ignore[arg-type]
        WriteFile(id="old", path=str(etc / "old"), content="no end of line", mode=0o644, **common),  # type: ignore[arg-type]
        RemoveFile(id="gone", path=str(etc / "gone"), **common),  # type: ignore[arg-type]
    )
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


@pytest.fixture
def etc(box: Sandbox) -> Path:
    etc = box.home / "etc"
    etc.mkdir()
    (etc / "old").write_bytes(b"\xff old\r\n")
    (etc / "old").chmod(0o640)
    (etc / "gone").write_bytes(b"gone\n")
    return etc


def test_steps_of_root_go_through_sudo_and_come_back_to_the_byte(box: Sandbox, sudo: StandInSudo, etc: Path) -> None:
    before = tree(etc)
    apply_plan(root_plan(etc), box.machine, verifier=None)
    assert (etc / "a/b/new").read_text() == "it's new\n\\n %s\n"
    assert (etc / "a/b/new").stat().st_mode & 0o777 == 0o600
    assert (etc / "a/b").stat().st_mode & 0o777 == 0o750
    assert (etc / "old").read_bytes() == b"no end of line"
    assert (etc / "old").stat().st_mode & 0o777 == 0o644
    assert not (etc / "gone").exists()
    assert sudo.asked[0] == "-n true"
    assert not apply_plan(root_plan(etc), box.machine, verifier=None).changed
    undo_run(box.machine).raise_if_left()
    assert tree(etc) == before


def test_the_script_of_a_dry_run_does_the_same(box: Sandbox, sudo: StandInSudo, etc: Path) -> None:
    before = tree(etc)
    dry = dry_run(root_plan(etc), box.machine.system(), box.context, root_by=(str(sudo.program), "-n", "--"))
    assert tree(etc) == before
    checked = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--shell=sh", "-"],
        input=dry.script, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert checked.stdout == ""
    subprocess.run(["sh", "-c", dry.script], check=True, env={**box.context.environ})
    by_script = tree(etc)
    for path in ("a/b/new", "old"):
        (etc / path).unlink()
    (etc / "a/b").rmdir()
    (etc / "a").rmdir()
    (etc / "old").write_bytes(b"\xff old\r\n")
    (etc / "old").chmod(0o640)
    (etc / "gone").write_bytes(b"gone\n")
    apply_plan(root_plan(etc), box.machine, verifier=None)
    assert tree(etc) == by_script


@pytest.mark.parametrize("broken", ["mktemp", "cat", "chown", "chmod", "sync", "mv"])
def test_whatever_fails_the_old_bytes_stay_and_nothing_lies_about(
    sudo: StandInSudo, files: RootFiles, tmp_path: Path, broken: str
) -> None:
    place = tmp_path / "etc"
    place.mkdir()
    (place / "file").write_bytes(b"old")
    (place / "file").chmod(0o640)
    before = tree(place)
    sudo.shim(broken, "echo 'x: No space left on device' >&2; exit 1")
    with pytest.raises(StepError) as caught:
        files.write(str(place / "file"), b"new", mode=None, create=False)
    assert caught.value.code == "disk-full"
    assert tree(place) == before


def test_a_file_that_appeared_meanwhile_is_not_overwritten(sudo: StandInSudo, files: RootFiles, tmp_path: Path) -> None:
    target = tmp_path / "file"
    sudo.shim("sync", f"echo theirs >'{target}'")
    with pytest.raises(StepError) as caught:
        files.write(str(target), b"ours", mode=0o644, create=True)
    assert caught.value.code == "file-changed"
    assert target.read_text() == "theirs\n"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".file")]


def test_a_link_is_followed_and_kept(files: RootFiles, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    files.write(str(tmp_path / "link"), b"new", mode=None, create=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["dangling", "folder", "absent"])
def test_what_is_no_file_is_refused_before_anything_runs(
    sudo: StandInSudo, files: RootFiles, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(StepError) as caught:
        files.write(str(path), b"x", mode=None, create=False)
    assert caught.value.code == {"dangling": "dangling-link", "folder": "is-a-folder", "absent": "file-missing"}[kind]
    assert sudo.asked == []


@settings(deadline=None, max_examples=25)
@given(content=st.binary(max_size=300), name=st.text("ab '\"$\\-;é\n", min_size=1, max_size=8))
def test_any_bytes_go_to_any_name(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    sudo = StandInSudo(folder / "sudo")
    files = RootFiles(elevation=sudo.elevation, note=lambda _line: None)
    path = folder / f"x{name}"
    files.write(str(path), content, mode=0o604, create=True)
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o604
    files.remove_file(str(path))
    assert not path.exists()


def test_proxies_are_passed_on_by_name_and_never_by_value() -> None:
    elevation = Elevation(way="sudo", program="/usr/bin/sudo", passed_on=("https_proxy", "no_proxy"))
    assert elevation.argv(Command(argv=("apt-get", "update"))) == (
        *("/usr/bin/sudo", "--preserve-env=https_proxy,no_proxy", "-n", "--", "apt-get", "update"),
    )


def test_sudo_is_kept_from_forgetting_while_a_step_runs(sudo: StandInSudo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privilege, "_REFRESH_SECONDS", 0.01)
    attended = replace(sudo.elevation, attended=True)
    with attended.kept_fresh():
        for _ in range(1000):
            if len(sudo.asked) > 1:
                break
            time.sleep(0.01)
    assert set(sudo.asked) == {"-n -v"}
    asked = len(sudo.asked)
    with sudo.elevation.kept_fresh():  # unattended nobody was asked, so there is nothing to keep
        time.sleep(0.05)
    assert len(sudo.asked) == asked


def test_the_review_shows_every_file_of_root(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = root_plan(etc)
    predicted = [Outcome(step_id=step.id, status="changed") for step in plan.steps]
    Console(width=200).print(render_plan(plan, predicted))
    shown = capsys.readouterr().out
    section = shown.partition("Files that root writes or removes")[2].split()
    assert section == [str(etc / name) for name in ("a/b", "a/b/new", "old", "gone")]
    assert "writes as its own" not in shown
