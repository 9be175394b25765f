"""The tables of knowledge as they were on one day, which is what tests expect decisions of.

A test of the tables themselves, or of what holds whatever they say, is marked `live_tables`. System recipes are not
dated: they are commands as much as facts, and their tests are to see each change.
"""

from __future__ import annotations

import atexit
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import torchup
from torchup.knowledge import tables

TESTS = Path(__file__).parents[1]
DATE = "2026-11-21"
DATED = TESTS / "tables" / DATE
_SHIPPED = tables.shipped
_PROGRAM = """\
#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import sys

sys.path.insert(0, {installer!r})
sys.path.append({tests!r})

from support.dated_tables import use_dated
from torchup.cli import main

use_dated()
main()
"""


def _dated(name: str) -> bytes | None:
    path = DATED / f"{name}.json"
    return path.read_bytes() if path.exists() else _SHIPPED(name)


def use_dated() -> None:
    """Let every look-up of this process answer from the dated tables."""
    if tables.shipped is not _dated:
        tables.shipped = _dated
        _forget()


def use_live() -> None:
    """Let every look-up of this process answer from the tables that torchup ships."""
    if tables.shipped is not _SHIPPED:
        tables.shipped = _SHIPPED
        _forget()


def program() -> Path:
    """Make a `torchup` that is the installed one, except that it knows what was known on that day."""
    folder = Path(tempfile.mkdtemp(prefix="torchup-program-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    path = folder / "torchup"
    installer = Path(torchup.__file__).parents[1]
    path.write_text(
        _PROGRAM.format(python=shlex.quote(sys.executable), installer=str(installer), tests=str(TESTS)),
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def _forget() -> None:
    """Empty every cache: what they hold was made from other tables."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("torchup.", "support.", "tests.")):
            for value in list(vars(module).values()):
                if callable(empty := getattr(value, "cache_clear", None)):
                    empty()
