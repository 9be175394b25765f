"""Temporary folders of torchup's own: private, in use or swept, and nothing else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.sandbox import Sandbox
from torchup.apply.interrupts import Interrupts
from torchup.model.plan import Command
from torchup.private_folders import new_file, sweep_temporary_folders, temporary_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot lock folders")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for temporary files of this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_temporary_folder_is_private_and_gone_afterwards(place: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        with temporary_folder() as folder:
            assert folder.parent == place
            assert folder.stat().st_mode & 0o7777 == 0o700
            with new_file(folder / "file") as file:
                file.write(b"x")
            assert (folder / "file").stat().st_mode & 0o7777 == 0o600
    finally:
        os.umask(old)
    assert list(place.iterdir()) == []


def test_one_that_is_in_use_is_not_swept_and_one_of_a_killed_run_is(place: Path) -> None:
    program = (
        "import tempfile, sys, time\n"
        f"tempfile.tempdir = {str(place)!r}\n"
        "from torchup.private_folders import temporary_folder\n"
        "with temporary_folder() as folder:\n"
        "    (folder / 'deep').mkdir()\n"
        "    (folder / 'deep/file').write_text('x')\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with (
        temporary_folder() as mine,
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other,
    ):
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        sweep_temporary_folders()
        assert {mine, theirs} == set(place.iterdir())
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        sweep_temporary_folders()
        assert {mine} == set(place.iterdir())


def test_what_only_looks_like_ours_stays(place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (place / "torchup-tmp-abcdefgh").symlink_to(elsewhere)
    (place / "torchup-tmp-ijklmnop").write_text("a file")
    (place / "torchup-tmp-of-a-person").mkdir()
    (place / "torchup-record").mkdir()
    before = sorted(place.iterdir())
    sweep_temporary_folders()
    assert sorted(place.iterdir()) == before
    assert (elsewhere / "file").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can make a folder of somebody else's")
def test_a_folder_of_somebody_else_stays(place: Path) -> None:
    theirs = place / "torchup-tmp-abcdefgh"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    sweep_temporary_folders()
    assert theirs.exists()


def test_a_program_that_is_run_has_its_temporary_files_in_a_folder_of_ours(place: Path, box: Sandbox) -> None:
    said: list[str] = []
    command = Command(argv=("sh", "-c", 'echo "$TMPDIR"; echo x >"$(mktemp)"'))
    with Interrupts() as interrupts:
        system = box.machine.system(interrupts)
        done = system.run(command, as_root=False, on_output=said.append)
    assert done.returncode == 0
    assert Path(said[0]).parent == place
    assert list(place.iterdir()) == []
