"""How a person calls a program from where they are: by its name when that is on PATH, else by its path."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

# A command in a text: in backticks, behind a colon, or at the start of a line.
_CALL = re.compile(r"(?P<before>^[ \t]*|`|: |：)(?P<name>torchup|uv)(?= [a-z])", re.MULTILINE)


def program_argv(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Give the words that call this program: `torchup`, or the path of what runs when PATH does not lead to it."""
    running = Path(sys.executable).with_name("torchup.exe" if sys.platform == "win32" else "torchup")
    found = shutil.which("torchup", path=environ.get("PATH"))
    if found is not None and (not running.exists() or Path(found).samefile(running)):
        return ("torchup",)
    if not running.exists():
        return (sys.executable, "-m", "torchup")
    # `uv tool` and pipx keep the program deep in a folder of theirs, and a person calls a link to it.
    called = Path(sys.argv[0]).absolute()
    return (str(called if called.exists() and called.samefile(running) else running),)


def program_name(environ: Mapping[str, str]) -> str:
    """Write how this program is called, to be pasted into a shell."""
    return shlex.join(program_argv(environ))


def callable_here(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Give a text whose commands that begin with `torchup` or `uv` work as they are printed.

    uv is the one that torchup uses, which is a dependency of its and seldom on PATH.
    """
    known = os.environ if environ is None else environ

    def called(match: re.Match[str]) -> str:
        return match["before"] + (program_name(known) if match["name"] == "torchup" else _uv(known))

    return _CALL.sub(called, text)


def _uv(environ: Mapping[str, str]) -> str:
    if shutil.which("uv", path=environ.get("PATH")):
        return "uv"
    from uv import find_uv_bin

    try:
        return shlex.quote(find_uv_bin())
    except FileNotFoundError:
        return "uv"
