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


def end_undisturbed() -> None:
    """Let no signal raise anything any more, once the exit status is decided: what is left is to leave.

    A terminal that hangs up may say so late; the others end the process at once, should it not come to its end.
    """
    # No signal is ignored: that would be inherited by whatever is started after this.
    for name, action in (("SIGHUP", _pass_over), ("SIGTERM", signal.SIG_DFL), ("SIGINT", signal.SIG_DFL)):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), action)


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that changes nothing any more."""
