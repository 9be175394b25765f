"""Undo says what it leaves in uv's cache, with a command that works as it is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from support.command import Person
from support.wheel_index import WheelIndex


def test_the_command_that_is_printed_frees_the_downloads(index: WheelIndex, wanted: str, tmp_path: Path) -> None:
    cache = tmp_path / "my cache"
    person = Person(home=tmp_path / "home", index=index, environ={"UV_CACHE_DIR": str(cache), "PATH": "/usr/bin:/bin"})
    assert person.torchup("setup", "--answers", wanted, "--set", "shell.shells=none").returncode == 0
    undone = person.torchup("undo", "--yes")
    assert undone.returncode == 0
    said = " ".join(undone.stderr.split())
    assert re.search(rf"Downloads stay in {re.escape(str(cache))} \(\d+ MiB\)", said)
    printed = re.search(r"`(.+ cache clean)`", said)
    assert printed is not None
    assert subprocess.run(shlex.split(printed[1]), env=person.environ, capture_output=True, check=False).returncode == 0
    assert not list(cache.glob("archive-*/*"))
