"""The terminal is left as it was found, whatever way a wizard ends."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

# Show the cursor, end bracketed paste, plain cursor keys, plain colours.
_CALM = "\x1b[?25h\x1b[?2004l\x1b[?1l\x1b[0m"

ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def terminal_kept(*, drawn: bool) -> Iterator[None]:
    """Put the settings of the terminal on standard input back at the end, whatever ends the block.

    Where it is `drawn` on, an end by an exception also brings the cursor back; a plain terminal may know no such codes.
    """
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    settings = termios.tcgetattr(descriptor)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, ValueError):  # a terminal that hung up takes no more output
            if drawn and sys.stdout.isatty():
                sys.stdout.write(_CALM)
                sys.stdout.flush()
        raise
    finally:
        with contextlib.suppress(termios.error):  # likewise
            termios.tcsetattr(descriptor, termios.TCSADRAIN, settings)


@contextlib.contextmanager
def signals_deferred(stop: Callable[[], object]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP call `stop` while the block runs, and deliver them after it.

    A prompt has put the terminal into raw mode; it must be able to take that back before the signal does
    what it always does here. A signal that was ignored (nohup) stays ignored.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop()

    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
        if received:
            signal.raise_signal(received[0])


@contextlib.contextmanager
def interrupts_remembered() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt when Ctrl-C was pressed before it is called.

    Python raises it wherever it is at that moment. Inside a callback of the garbage collector the exception is only
    printed, and the person's wish would be lost.
    """
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    if before is not signal.default_int_handler:  # somebody else minds it, or it is ignored
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
