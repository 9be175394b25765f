"""The terminal is left as it was found, whatever way a wizard ends."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

# Show the cursor, end bracketed paste, plain cursor keys, plain colours.
_CALM = "\x1b[?25h\x1b[?2004l\x1b[?1l\x1b[0m"

# Longer than any callback takes, and too short to be noticed.
_CALLBACK_SECONDS = 0.05

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

    Python raises it wherever it is at that moment. Inside a callback of the garbage collector or of a weak reference
    the exception is only printed: here it is not, and it is raised once more when that callback is over, or at the end
    of the block where that comes sooner. Nothing is raised after the block.
    """
    pressed: list[int] = []
    timers: list[threading.Timer] = []
    swallowed: list[threading.Timer] = []
    over = False
    before, told = signal.getsignal(signal.SIGINT), sys.unraisablehook

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(number)
        if not over:
            raise KeyboardInterrupt

    def press_again() -> None:
        swallowed.clear()
        _press()

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    def not_raised(what: sys.UnraisableHookArgs) -> None:
        if not pressed or not issubclass(what.exc_type, KeyboardInterrupt):
            told(what)
            return
        again = threading.Timer(_CALLBACK_SECONDS, press_again)
        again.daemon = True
        timers.append(again)
        swallowed.append(again)
        again.start()

    if before is not signal.default_int_handler:  # somebody else minds it, or it is ignored
        yield check
        return
    signal.signal(signal.SIGINT, note)
    sys.unraisablehook = not_raised
    try:
        yield check
        if swallowed:
            raise KeyboardInterrupt
    finally:
        over = True
        for timer in timers:
            timer.cancel()
            timer.join()
        sys.unraisablehook = told
        signal.signal(signal.SIGINT, before)


def _press() -> None:
    """Deliver Ctrl-C to the main thread, whose waiting ends by it."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
