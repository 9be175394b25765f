"""SIGTERM and SIGHUP as an exception, so that every `finally` on the way out runs."""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(BaseException):
    """The process was asked to end by SIGTERM or SIGHUP."""


def terminate_politely() -> None:
    """Turn the signals that end a program into `Terminated`; SIGHUP stays ignored under nohup."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    hangup = getattr(signal, "SIGHUP", None)  # absent on Windows
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, end)
