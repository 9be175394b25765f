"""A program on a pseudo-terminal, and the screen that a person would see (pexpect and pyte).

The program runs below a shell that stays on the terminal, as it does for a person: so the state in which the
program leaves the terminal can be seen after it has ended.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pexpect
import pyte

ENTER = "\r"
UP = "\x1b[A"
DOWN = "\x1b[B"
ESCAPE = "\x1b"
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_Z = "\x1a"
PASTE_BEGINS = "\x1b[200~"
PASTE_ENDS = "\x1b[201~"

TERMINAL_ENVIRON = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

_LIFLAG_LOCAL = 3
_WHERE_IS_THE_CURSOR = b"\x1b[6n"


class TerminalScreen:
    """The terminal's side of a program: what it has drawn, and the keys that are pressed.

    `expect` waits until the screen or what has scrolled off it satisfies a condition, and fails with a picture of
    the screen when it does not in time.
    """

    def __init__(self, child: Any, columns: int, rows: int) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        self._ended = False
        self._child = child
        self._child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._child.close()

    @property
    def lines(self) -> list[str]:
        """What is on the screen, top to bottom, without trailing blanks."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """Everything that was shown as lines of text, with what has scrolled off the screen."""
        width = self.screen.columns
        past = ["".join(line[column].data for column in range(width)).rstrip() for line in self.screen.history.top]
        return "\n".join([*past, *self.lines])

    def send(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self._child.send(key)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size, as a person does with the mouse."""
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def expect(self, condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        """Read the program's output until `condition` holds."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            picture = "\n".join(self.lines)
            assert left > 0, f"no {what} within {seconds} s; the screen:\n{picture}"
            assert not self._ended, f"no {what} before the end of the program; the screen:\n{picture}"
            self._read(min(left, 0.2))

    def expect_text(self, text: str, *, seconds: float = 60) -> None:
        """Wait until the text is on the screen; blanks and line breaks do not count, because a narrow screen wraps."""
        wanted = "".join(text.split())
        self.expect(lambda: wanted in "".join("".join(self.lines).split()), repr(text), seconds=seconds)

    def is_sane(self) -> bool:
        """Tell whether the terminal echoes and edits lines, as it does for a shell without line editing."""
        local = termios.tcgetattr(self._child.child_fd)[_LIFLAG_LOCAL]
        assert isinstance(local, int)
        return bool(local & termios.ECHO and local & termios.ICANON and local & termios.ISIG)

    def _read(self, seconds: float) -> None:
        try:
            chunk = cast("bytes", self._child.read_nonblocking(65536, timeout=seconds))  # without an encoding
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self._ended = True
            return
        self.output += chunk
        *before_requests, rest = chunk.split(_WHERE_IS_THE_CURSOR)
        for before in before_requests:
            # A terminal answers when it has drawn what came before: an older place makes the program scroll.
            self._stream.feed(before)
            self._child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        self._stream.feed(rest)


class TerminalSession(TerminalScreen):
    """One program on a terminal of `columns` by `rows`, started by a shell that stays there."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        script = f'{shlex.join(argv)} & program=$!; echo "pid:$program"; fg >/dev/null; echo "status:$?"'
        child = pexpect.spawn(
            "bash",
            ["--norc", "--noprofile", "-m", "-c", script],
            dimensions=(rows, columns),
            env={**TERMINAL_ENVIRON, **(environ or {})},
            cwd=None if folder is None else str(folder),
            timeout=10,
        )
        super().__init__(child, columns, rows)

    def close(self) -> None:
        """Hang up, and end the program."""
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        """The process id of the program, which the shell printed."""
        self.expect(lambda: re.search(rb"pid:(\d+)\s", self.output) is not None, "a process id")
        found = re.search(rb"pid:(\d+)\s", self.output)
        assert found is not None
        return int(found.group(1))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, from outside."""
        os.kill(self.pid, number)

    def finish(self) -> int:
        """Wait for the end of the program and give its exit status, as its shell saw it."""
        self.expect(lambda: re.search(rb"status:(\d+)\s", self.output) is not None, "end of the program")
        found = re.search(rb"status:(\d+)\s", self.output)
        assert found is not None
        return int(found.group(1))


def python_argv(script: Path, *arguments: str) -> list[str]:
    """Give the command that runs a script with this interpreter and warnings as errors."""
    return [sys.executable, "-W", "error", str(script), *arguments]
