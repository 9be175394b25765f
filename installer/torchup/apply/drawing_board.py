"""A terminal for a program that tells its progress only by drawing: what it draws is read, never shown."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from torchup.apply.downloads import DownloadMeter, Downloads, without_drawing

# Wide and high enough for every bar to be drawn with its whole name; colours would only have to be taken out.
ROWS, COLUMNS = 60, 200
DRAWING = {"NO_COLOR": "1", "TERM": "xterm"}
WIPE = b"\x1b[2K"
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class DrawingBoard:
    """Both ends of the terminal; `child_end` is closed here once the program has it."""

    our_end: int
    child_end: int

    def pump(self, put: Callable[[bytes | Downloads | None], None]) -> None:
        """Pass on every line that stays, and the sums of the bars in between, until the program has ended."""
        meter = DownloadMeter()
        rest = frame = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                text = without_drawing(line.decode(errors="replace").rstrip("\r"))
                if text:
                    put(text.encode())
            # Only a whole picture tells which bars are gone; it ends where the lines are wiped for the next.
            *frames, frame = (frame + chunk).split(WIPE)
            for whole in frames:
                if (sums := meter.feed(whole.decode(errors="replace"))) is not None:
                    put(sums)
        if text := without_drawing(rest.decode(errors="replace")):
            put(text.encode())
        os.close(self.our_end)
        put(None)

    def _read(self) -> bytes:
        # Linux answers with an error where the other end is closed, others with nothing.
        with suppress(OSError):
            return os.read(self.our_end, _CHUNK)
        return b""


def open_drawing_board() -> DrawingBoard | None:
    """Open a terminal, None on a system that has none."""
    try:
        import fcntl
        import pty
        import termios

        ours, child = pty.openpty()
    except (ImportError, OSError):
        return None
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return DrawingBoard(ours, child)
