"""A stage on which the whole program is tried again and again at one question: a try costs tens of milliseconds.

A process that has loaded the program (`support.stage_child`) forks it onto a terminal of this side's making.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pexpect.fdpexpect import fdspawn

from support.terminal import TERMINAL_ENVIRON, TerminalScreen

_TESTS = Path(__file__).parents[1]


class Stage:
    """The loaded program."""

    def __init__(self) -> None:
        self._reports, writer = os.pipe()
        self._unread = b""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "support.stage_child", str(writer)],
            cwd=_TESTS,
            stdin=subprocess.PIPE,
            pass_fds=[writer],
        )
        os.close(writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)
        os.close(self._reports)

    def play(
        self,
        *arguments: str,
        until: str,
        home: Path,
        answers: Mapping[str, str] | None = None,
        size: tuple[int, int] = (80, 24),
    ) -> Play:
        """Run `torchup ARGUMENTS` up to the question that begins with `until`.

        What is asked before gets its default, or the answer (an option's id) that `answers` has for the question.
        """
        play = Play(self, size)
        request = {
            "terminal": os.ttyname(play.program_side),
            "arguments": arguments,
            "until": until,
            "answers": answers or {},
            "environ": {**TERMINAL_ENVIRON, "HOME": str(home), "SHELL": "/bin/bash", "NO_COLOR": "1"},
        }
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        self._child.stdin.flush()
        return play

    def report(self, seconds: float) -> dict[str, Any] | None:
        """Give the next thing that happened, None when nothing did."""
        if b"\n" not in self._unread and select.select([self._reports], [], [], seconds)[0]:
            self._unread += os.read(self._reports, 65536)
        line, end, rest = self._unread.partition(b"\n")
        if not end:
            return None
        self._unread = rest
        found: dict[str, Any] = json.loads(line)
        return found


class Play(TerminalScreen):
    """One run of the program on a terminal of its own, which this side holds open to its end."""

    def __init__(self, stage: Stage, size: tuple[int, int]) -> None:
        columns, rows = size
        ours, self.program_side = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        super().__init__(fdspawn(ours, timeout=10), columns, rows)
        self._stage = stage
        self._settings = self._current()
        self._pid: int | None = None
        self.asked: list[str] = []
        self.stopped: list[bool] = []
        self.status: int | None = None

    def close(self) -> None:
        """Hang up, and wait for the end of the program."""
        if not self._child.closed:
            self._child.close()
        os.close(self.program_side)
        if self.status is None:
            self.finish()

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window does."""
        self._child.close()

    def wait_for_question(self, count: int) -> str:
        """Wait until so many questions were asked on the terminal and the last one waits for keys."""
        self.expect(lambda: len(self.asked) >= count, f"question {count}; asked: {self.asked}")
        return self.asked[count - 1]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, from outside."""
        self.expect(lambda: self._pid is not None, "a process id")
        assert self._pid is not None
        os.kill(self._pid, number)

    def finish(self, seconds: float = 60) -> int:
        """Wait for the end of the program, and give its exit status."""
        end = time.monotonic() + seconds
        while self.status is None:
            assert time.monotonic() < end, "the program goes on:\n" + "\n".join(self.lines)
            self._read(0.02)
        return self.status

    def is_as_it_was(self) -> bool:
        """Tell whether every setting of the terminal (what `stty -a` shows) is the one from before the program."""
        return self._current() == self._settings

    def _current(self) -> Sequence[object]:
        return termios.tcgetattr(self.program_side)

    def _read(self, seconds: float) -> None:
        while (report := self._stage.report(0)) is not None:
            self._pid = report.get("pid", self._pid)
            self.status = report.get("status", self.status)
            self.asked += [report["asked"]] if "asked" in report else []
            self.stopped += [report["stopped"]] if "stopped" in report else []
        if not self._child.closed:
            super()._read(min(seconds, 0.02))
        else:
            time.sleep(min(seconds, 0.02))
