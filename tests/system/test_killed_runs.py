"""What a run that is killed leaves in the place for temporary files: nothing that tells, and nothing for long."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.command import Person

SECRET = "hf_averysecrettokenofthisperson"


@pytest.mark.skipif(os.name == "nt", reason="start-up files of Windows are others")
def test_variables_are_never_in_a_file_and_the_folder_goes_with_the_next_run(tmp_path: Path) -> None:
    """Shells are started to see what they know, and a start-up file may export anything."""
    place = tmp_path / "tmp"
    place.mkdir()
    person = Person(home=tmp_path / "home", environ={"TMPDIR": str(place)})
    (person.home / "environment").mkdir()
    go_on = tmp_path / "go-on"
    rc = f"export HF_TOKEN={SECRET}\nuntil [ -e {go_on} ]; do sleep 0.05; done\n"
    (person.home / ".bashrc").write_text(rc)
    apply = ("shell", "apply", "--shell", "bash", "--environment", "environment", "--yes")
    child = person.start(*apply)
    until = time.monotonic() + 30
    while not (pipes := [*place.glob("*/environment")]) and time.monotonic() < until:
        time.sleep(0.02)
    assert pipes
    folder = pipes[0].parent
    assert folder.stat().st_mode & 0o7777 == 0o700
    # The reader comes to its end without anybody who takes what it reads.
    os.kill(child.pid, signal.SIGKILL)
    go_on.touch()
    child.communicate()
    time.sleep(0.5)
    for path in place.rglob("*"):
        assert not path.is_file(), path
    done = person.torchup(*apply)
    assert done.returncode == 0, done.stderr
    assert list(place.iterdir()) == []
