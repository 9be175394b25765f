"""Run a program as a child that can be stopped: own process group, closed input, streamed output."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from torchup.apply.downloads import Downloads
from torchup.apply.drawing_board import DRAWING, DrawingBoard, open_drawing_board
from torchup.apply.interrupts import Interrupts
from torchup.apply.system import Completed
from torchup.children import NEUTRAL_FOLDER

TAIL_LINES = 60
GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_DRAIN_SECONDS = 1.0
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # absent on Windows
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


@dataclass(slots=True, kw_only=True)
class _Stopping:
    before: int
    deadline: float | None
    stop_by: float | None = None
    timed_out: bool = False
    told: bool = False


@dataclass(slots=True, kw_only=True)
class Child:
    """One program and how it may be stopped.

    With `finish_first` the first Ctrl-C lets it end by itself: a package manager that is stopped half-way
    leaves a broken system. `kill` ends processes that are not ours, such as those under sudo (-N is a group).
    `keep_terminal` leaves it in our session, where sudo remembers that it asked; with `asks` it stays in our process
    group too, because it asks on the terminal itself. `on_start` gets its id,
    `on_stopping` hears about the first Ctrl-C, and whether the program finishes first. With `on_download` the
    program gets a terminal to draw its bars on, which are read and not shown.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    interrupts: Interrupts
    on_line: Callable[[str], None]
    timeout_seconds: float | None = None
    finish_first: bool = False
    keep_terminal: bool = False
    asks: bool = False
    kill: Callable[[Sequence[int], int], None] | None = None
    on_start: Callable[[int], None] | None = None
    on_stopping: Callable[[bool], None] | None = None
    on_download: Callable[[Downloads], None] | None = None
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def run(self) -> Completed:
        """Start it, pass its output on line by line, and wait; the child's group is gone afterwards."""
        drawing = open_drawing_board() if self.on_download is not None else None
        try:
            process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if drawing is None else drawing.child_end,
                stderr=subprocess.STDOUT,
                cwd=NEUTRAL_FOLDER,
                env=dict(self.environment) if drawing is None else {**self.environment, **DRAWING},
                start_new_session=not self.keep_terminal,
                process_group=0 if self.keep_terminal and not self.asks else None,
            )
        except FileNotFoundError as error:
            return Completed(returncode=_NOT_FOUND, tail=f"{self.argv[0]}: {error.strerror}")
        except OSError as error:
            return Completed(returncode=_NOT_EXECUTABLE, tail=f"{self.argv[0]}: {error.strerror}")
        finally:
            if drawing is not None:
                os.close(drawing.child_end)
        if self.on_start is not None:
            self.on_start(process.pid)
        return self._watch(process, drawing)

    def _watch(self, process: subprocess.Popen[bytes], drawing: DrawingBoard | None) -> Completed:
        lines: Queue[bytes | Downloads | None] = Queue()
        pump = (_pump, (process, lines)) if drawing is None else (drawing.pump, (lines.put,))
        Thread(target=pump[0], args=pump[1], daemon=True).start()
        stopping = _Stopping(
            before=self.interrupts.count,
            deadline=None if self.timeout_seconds is None else time.monotonic() + self.timeout_seconds,
        )
        is_open = True
        while process.poll() is None:
            if is_open:
                is_open = self._take(lines)
            else:
                time.sleep(_POLL_SECONDS)
            self._tend(process, stopping)
        # What the child started and left behind may hold its output open: only what is there is still taken.
        drained_by = time.monotonic() + _DRAIN_SECONDS
        while is_open and time.monotonic() < drained_by:
            is_open = self._take(lines)
        return Completed(
            returncode=process.returncode,
            tail="\n".join(self._tail),
            timed_out=stopping.timed_out,
            interrupted=self.interrupts.count > stopping.before and not stopping.timed_out and process.returncode != 0,
        )

    def _tend(self, process: subprocess.Popen[bytes], stopping: _Stopping) -> None:
        """Stop the child where somebody asked for it or its time is up: politely first."""
        now = time.monotonic()
        presses = self.interrupts.count - stopping.before
        if presses and not stopping.told:
            stopping.told = True
            if self.on_stopping is not None:
                self.on_stopping(self.finish_first)
        if presses > 1 or (stopping.stop_by is not None and now > stopping.stop_by):
            self._signal(process, _KILL)
        elif stopping.stop_by is not None:
            return
        elif stopping.deadline is not None and now > stopping.deadline:
            stopping.timed_out, stopping.stop_by = True, now + GRACE_SECONDS
            self._signal(process, signal.SIGTERM)
        elif presses == 1 and not self.finish_first:
            stopping.stop_by = now + GRACE_SECONDS
            self._signal(process, signal.SIGINT)

    def _take(self, lines: Queue[bytes | Downloads | None]) -> bool:
        """Pass one line on; tell whether the output is still open."""
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except Empty:
            return True
        if line is None:
            return False
        if isinstance(line, Downloads):
            if self.on_download is not None:
                self.on_download(line)
            return True
        text = line.decode(errors="replace").rstrip("\r\n").rpartition("\r")[2]
        self._tail.append(text)
        self.on_line(text)
        return True

    def _signal(self, process: subprocess.Popen[bytes], number: int) -> None:
        if not hasattr(os, "killpg"):
            process.terminate()
            return
        # apt and sudo give what they start a terminal and a session of its own, which no signal to the group reaches.
        if self.asks:  # it has no group of its own, and what it starts has a session of its own
            targets: tuple[int, ...] = (process.pid, *descendants(process.pid))
        else:
            targets = (-process.pid, *(descendants(process.pid) if number == _KILL else ()))
        for target in targets:
            try:
                os.kill(target, number)
            except ProcessLookupError:
                continue
            except PermissionError:
                if self.kill is not None:
                    self.kill(targets, number)
                return


def descendants(pid: int) -> tuple[int, ...]:
    """Find everything that a process has started and that is still its offspring, parents first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found = list(children.get(pid, ()))
    for one in found:
        found += children.get(one, ())
    return tuple(found)


def _pump(process: subprocess.Popen[bytes], lines: Queue[bytes | Downloads | None]) -> None:
    """Read a child's output in a thread of its own, so that waiting for it never blocks a Ctrl-C."""
    if process.stdout is not None:
        with process.stdout as stream:
            for line in stream:
                lines.put(line)
    lines.put(None)
