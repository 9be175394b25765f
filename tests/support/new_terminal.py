"""A new terminal window: a real shell on a pseudo-terminal, started as a terminal or a login starts it.

    with NewTerminal("fish", home, "login") as terminal:
        terminal.type("source .venvs/torch/bin/activate.fish")
        terminal.run(argv)          # typed, and waited for

The shell gets what a login gives and nothing of the tests' own environment.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pexpect

from support.terminal import ENTER, TERMINAL_ENVIRON, TerminalScreen
from torchup.shell.kinds import SPOKEN
from torchup.shell.quoting import quote

Way = Literal["interactive", "login"]
_OPTIONS: dict[Way, list[str]] = {"interactive": ["-i"], "login": ["-l", "-i"]}


class NewTerminal(TerminalScreen):
    """A shell that waits for what is typed."""

    def __init__(self, shell: str, home: Path, way: Way = "interactive", environ: dict[str, str] | None = None) -> None:
        self._language = SPOKEN[shell].name
        options = ["-l"] if (shell, way) == ("tcsh", "login") else _OPTIONS[way]  # it takes -l alone
        own = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": f"/usr/bin/{shell}", "HISTFILE": os.devnull}
        child = pexpect.spawn(
            shell,
            options,
            dimensions=(40, 200),
            env={**TERMINAL_ENVIRON, **own, **(environ or {})},
            cwd=str(home),
            timeout=10,
        )
        super().__init__(child, 200, 40)

    def close(self) -> None:
        """Close the window."""
        self._child.close(force=True)

    def type(self, line: str) -> None:
        """Type a line as it stands, and Enter."""
        self.send(line, ENTER)

    def run(self, argv: Sequence[str], *, seconds: float = 30) -> None:
        """Run a program from the shell, and wait until the shell has gone on behind it."""
        with tempfile.TemporaryDirectory(prefix="torchup-typed-") as folder:
            done = Path(folder) / "done"
            words = " ".join(str(quote(self._language, word)) for word in argv)
            self.type(f"{words}; touch {done}")
            self.expect(done.exists, f"end of {argv[0]}", seconds=seconds)

    def variables(self) -> dict[str, str]:
        """Give the environment that the shell gives to a program."""
        with tempfile.TemporaryDirectory(prefix="torchup-typed-") as folder:
            seen = Path(folder) / "seen"
            self.type(f"env -0 > {seen}.part; mv {seen}.part {seen}")
            self.expect(seen.exists, "environment of a program", seconds=30)
            pairs = (item.partition("=") for item in seen.read_text(encoding="utf-8").split("\0") if item)
            return {name: value for name, _, value in pairs}
