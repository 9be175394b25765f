"""The whole command line, loaded once, and forked onto a terminal for each try: what `support.stage` talks to.

    python -m support.stage_child REPORTS

It reads one request (JSON) a line and writes one report a line to the descriptor REPORTS. For each request a small
shell becomes the leader of the terminal's session and runs the program in the foreground, as a person's shell does.
Questions before the wanted one get prepared answers or their default, and never touch the terminal.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import signal
import sys
import termios
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from support.dated_tables import use_dated
from torchup.cli import main
from torchup.ui.ask import backend
from torchup.ui.ask.prompt import QUIT, Asker, Line, Menu, Wish

Report = Callable[[Mapping[str, object]], None]


class FastForward:
    """A back-end that answers by itself up to the question `until`, and reports what is asked on the terminal."""

    def __init__(self, asker: Asker, until: str, answers: Mapping[str, str], report: Report) -> None:
        self._asker = asker
        self._until = until
        self._answers = answers
        self._report = report
        self._there = False
        self._asked: set[str] = set()

    @property
    def draws(self) -> bool:
        return self._asker.draws

    def choose(self, menu: Menu) -> str | Wish:
        self._there = self._there or menu.text.startswith(self._until)
        if self._there:
            self._report({"asked": menu.text})
            return self._asker.choose(menu)
        if menu.text in self._asked:
            return QUIT  # the way leads round the question
        self._asked.add(menu.text)
        return self._answers.get(menu.text, menu.default)

    def type_in(self, line: Line) -> str | Wish:
        self._report({"asked": line.text})
        return self._asker.type_in(line)


def become_shell(request: Mapping[str, Any], report: Report, modules: int) -> None:
    """Lead the terminal's session: run the program in the foreground, and go on with it when it is stopped."""
    os.setsid()
    terminal = os.open(request["terminal"], os.O_RDWR)
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(terminal, number)
    settings = termios.tcgetattr(terminal)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    program = os.fork()
    if program == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if terminal > 2:
            os.close(terminal)
        run(request, report, modules)

    def pass_on(number: int, _frame: FrameType | None) -> None:  # what a shell does for its jobs
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program, number)

    signal.signal(signal.SIGHUP, pass_on)
    report({"pid": program})
    while True:
        _, status = os.waitpid(program, os.WUNTRACED)
        with contextlib.suppress(OSError, termios.error):  # a terminal that hung up has nothing to give back
            os.tcsetpgrp(terminal, os.getpgrp())
            if os.WIFSTOPPED(status):
                report({"stopped": termios.tcgetattr(terminal) == settings})
                os.tcsetpgrp(terminal, program)
        if not os.WIFSTOPPED(status):
            report({"status": os.waitstatus_to_exitcode(status)})
            os._exit(0)
        os.kill(program, signal.SIGCONT)


def run(request: Mapping[str, Any], report: Report, modules: int) -> None:
    """Be the program, from its start to its exit status; say at the end which modules it needed."""
    os.environ.clear()
    os.environ.update(request["environ"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode = "r" if number == 0 else "w"
        setattr(sys, name, os.fdopen(number, mode, buffering=1, encoding="utf-8", closefd=False))
    made = backend.asker_for
    backend.asker_for = lambda terminal, say: FastForward(
        made(terminal, say), request["until"], request["answers"], report
    )
    status: object = 0
    try:
        main(request["arguments"])
    except SystemExit as end:
        status = end.code
    finally:
        os.write(modules, "\n".join(sys.modules).encode())
    # Taking a program apart that has everything loaded takes longer than the try itself.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(int(str(status)))


def serve(reports: int) -> None:
    """Fork a shell for each request on standard input."""

    def report(what: Mapping[str, object]) -> None:
        os.write(reports, json.dumps(what).encode() + b"\n")

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the shells
    requests = os.fdopen(os.dup(0), "rb", buffering=0)  # unbuffered: a child must not hold a part of the next one
    needed, modules = os.pipe()
    for number, line in enumerate(requests):
        if number == 1:
            load(os.read(needed, 1 << 16).decode().split("\n"))
            modules = os.open(os.devnull, os.O_WRONLY)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become_shell(json.loads(line), report, modules)


def load(names: list[str]) -> None:
    """Load what the first try needed, so that no other has to."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    use_dated()
    serve(int(sys.argv[1]))
