"""How a person calls this program: by its name when that is on PATH, else by its path."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path


def program_name(environ: Mapping[str, str]) -> str:
    """Give `torchup`, or the path of the program that runs when PATH does not lead to it."""
    running = Path(sys.executable).with_name("torchup.exe" if sys.platform == "win32" else "torchup")
    found = shutil.which("torchup", path=environ.get("PATH"))
    if found is not None and (not running.exists() or Path(found).samefile(running)):
        return "torchup"
    if not running.exists():
        return f"{sys.executable} -m torchup"
    # `uv tool` and pipx keep the program deep in a folder of theirs, and a person calls a link to it.
    called = Path(sys.argv[0]).absolute()
    return str(called if called.exists() and called.samefile(running) else running)
