"""Ctrl-C in two stages: the first stops cleanly, the second stops now."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from torchup.errors import ExitStatus, InterruptError


class CommandInterruptedError(Exception):
    """A command or a download was stopped because the person asked for it; its step is unfinished."""


_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupts:
    """Counts the signals that ask the program to stop, while it is entered as a context manager.

    Work asks `count` at points where it can stop; nothing is raised in the middle of anything.
    Signals that were ignored before (SIGHUP under nohup) stay ignored.
    """

    def __init__(self) -> None:
        self.count = 0
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.signal = self.signal or number

    def error(self, message: str, *, hint: str) -> InterruptError:
        """Give the error that ends the run; its exit status tells Ctrl-C from a request to terminate."""
        error = InterruptError(message, code="interrupted", hint=hint)
        if self.signal is not None and self.signal != signal.SIGINT:
            error.exit_status = ExitStatus.TERMINATED
        return error
