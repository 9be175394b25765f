"""A sudo that writes down what it is asked for and then does it as the same user; tests need no root with it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from torchup.apply import run as apply_run
from torchup.apply.privilege import Elevation

SUDO = """#!/bin/sh
# Knows the options that torchup uses.
printf '%s\\n' "$*" >>'{log}'
[ "$1" = -v ] && exit 0
while [ $# -gt 0 ]; do
  case $1 in -n | --preserve-env=*) shift ;; --) shift; break ;; *) break ;; esac
done
PATH='{shims}':$PATH
export PATH
exec "$@"
"""


class StandInSudo:
    """The program, what it was asked for, and shims that stand before the programs that it starts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.log = folder / "asked"
        self.shims = folder / "shims"
        self.shims.mkdir()
        self.program = folder / "sudo"
        self.program.write_text(SUDO.format(log=self.log, shims=self.shims))
        self.program.chmod(0o755)
        # The files "of root" belong to whoever runs the tests.
        self.shim("chown", "exit 0")

    def shim(self, name: str, body: str) -> None:
        path = self.shims / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755 | stat.S_IXUSR)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def elevation(self) -> Elevation:
        return Elevation(way="sudo", program=str(self.program))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let every machine find this sudo."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(apply_run, "find_elevation", lambda **_given: self.elevation)
            yield
