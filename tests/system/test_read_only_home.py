"""A home that nobody can write: what is said leads to a set-up that works, and undo has an end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.tools import require

READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'


def torchup(person: Person, *words: str, **places: str) -> subprocess.CompletedProcess[str]:
    require("unshare")
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(person.home), str(TORCHUP), *words],
        env={**person.environ, **places},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ran.returncode == 77:
        pytest.skip("a mount namespace cannot be made here")
    return ran


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can make a home read-only")
def test_the_hints_lead_to_a_set_up_and_back(person: Person, wanted: str, tmp_path: Path) -> None:
    for word in ("undo", "resume"):
        ran = torchup(person, word)
        assert (ran.returncode, f"error[nothing-to-{word}]" in ran.stderr) == (6, True), ran.stderr
    ran = torchup(person, "setup", "--answers", wanted)
    assert ran.returncode == 6, ran.stderr
    said = " ".join(ran.stderr.split())
    assert "environment.path" in said
    found = dict(re.findall(r"(XDG_\w+)=/DIR/(\w+)", said))
    assert set(found) == {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
    place = tmp_path / "room"
    places = {name: f"{place}/{folder}" for name, folder in found.items()}
    wish = ("--set", f"environment.path={place}/env", "--set", "shell.shells=none")
    ran = torchup(person, "setup", "--answers", wanted, *wish)
    assert ran.returncode == 6, ran.stderr
    assert "XDG_STATE_HOME" in ran.stderr
    ran = torchup(person, "setup", "--answers", wanted, *wish, **places)
    assert ran.returncode == 0, ran.stderr
    assert (place / "env/bin/python").exists()
    ran = torchup(person, "undo", "--yes", **places)
    assert ran.returncode == 0, ran.stderr
    assert not (place / "env").exists()
    shutil.rmtree(place)
