"""Start a real shell as a person does, and read back what a program that it runs is given."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchup.children import NEUTRAL_FOLDER
from torchup.private_folders import temporary_folder
from torchup.shell.kinds import named
from torchup.shell.kinds.kind import Shell, Started, StartMode
from torchup.words import tr

# The reader writes to a pipe of its own and not to standard output, where start-up files write too.
_READER = (
    "import os,sys;f=open(sys.argv[1],'wb');f.write(b'\\0'.join(k+b'='+v for k,v in os.environb.items()));f.close()"
)
# Makes standard input the terminal that the session is controlled by, then becomes the program.
_CONTROLLED = "import fcntl,os,sys,termios;fcntl.ioctl(0,termios.TIOCSCTTY,0);os.execv(sys.argv[1],sys.argv[2:])"
_LONGEST_COMPLAINT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellReading:
    """The environment that a program started by the shell has, or why it could not be read.

    `variables` is None with a `problem`, which is a sentence. `complaint` is what the shell wrote to
    standard error, shortened.
    """

    variables: dict[str, bytes] | None
    problem: str | None = None
    timed_out: bool = False
    complaint: str = ""
    seconds: float = 0.0

    def get(self, name: str) -> str | None:
        """Give a variable as text (bytes that are no UTF-8 as surrogates), None when it is not set."""
        value = (self.variables or {}).get(name)
        return None if value is None else value.decode("utf-8", "surrogateescape")


def clean_environment(mode: StartMode, home: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of a fresh login: nothing of ours leaks in, and BASH_ENV or ENV are not read."""
    environment = {"HOME": home, "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    if mode == "ssh":
        environment |= {"SSH_CLIENT": "127.0.0.1 50000 22", "SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22"}
    environment |= {name: os.environ[name] for name in ("USER", "LOGNAME", "LANG", "LC_ALL") if name in os.environ}
    return environment | dict(extra or {})


def read_variables(
    shell: str,
    mode: StartMode,
    *,
    home: str,
    extra: Mapping[str, str] | None = None,
    before: str = "",
    timeout: float = 15.0,
) -> ShellReading:
    """Start a real shell and read the environment of a program that it runs.

    `extra` adds to the clean environment. `before` is a command in the shell's language that runs
    first. The shell has a process group of its own, which is killed at the time limit, no input but
    the command, and in the interactive modes a terminal as standard output.
    """
    kind = named(shell)
    executable = shutil.which(kind.program) if kind is not None else None
    if kind is None or kind.language is None or executable is None:
        return ShellReading(variables=None, problem=tr("{program} is not installed", program=shell))
    with temporary_folder() as folder, _received(folder / "environment") as content_of:
        result = folder / "environment"
        reader = kind.language.calls + " ".join(kind.language.quote(word) for word in _reader(str(result)))
        start = kind.starts(kind.program, mode, f"{before}; {reader}" if before else reader)
        begun = time.monotonic()
        status, complaint = _run(
            start,
            executable,
            clean_environment(mode, home, {**start.environment, **(extra or {})}),
            terminal=mode in ("interactive", "login"),
            timeout=timeout,
        )
        seconds = time.monotonic() - begun
        content = content_of()
    if status is None:
        problem = tr(
            "{program} did not finish its start-up files within {seconds:g} s", program=kind.program, seconds=timeout
        )
        return ShellReading(variables=None, problem=problem, timed_out=True, complaint=complaint, seconds=seconds)
    if content is None:
        problem = tr(
            "{program} ended with status {status} before it ran a command: a start-up file stops it or runs another",
            program=kind.program,
            status=status,
        )
        return ShellReading(variables=None, problem=problem, complaint=complaint, seconds=seconds)
    pairs = (entry.partition(b"=") for entry in content.split(b"\0") if entry)
    variables = {name.decode("utf-8", "surrogateescape"): value for name, _, value in pairs}
    return ShellReading(variables=variables, complaint=complaint, seconds=seconds)


@contextlib.contextmanager
def _received(place: Path) -> Iterator[Callable[[], bytes | None]]:
    """Make a named pipe and read it to the end; the function gives what was written to it, None for nothing.

    Variables hold passwords and keys, so they are never in a file: one would outlive a run that is killed.
    """
    if not hasattr(os, "mkfifo"):
        yield lambda: place.read_bytes() if place.exists() else None
        return
    os.mkfifo(place, 0o600)
    parts: list[bytes] = []
    with contextlib.ExitStack() as stack:
        # Open for writing too, so that no writer has to be waited for and none that ends is the end.
        pipe = os.open(place, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, pipe)
        stop, stopper = os.pipe()
        stack.callback(os.close, stop)
        reader = threading.Thread(target=_take, args=(pipe, stop, parts), daemon=True)
        reader.start()

        def content() -> bytes | None:
            stopping.close()
            return b"".join(parts) or None

        stopping = stack.enter_context(contextlib.ExitStack())
        stopping.callback(reader.join)
        stopping.callback(os.close, stopper)
        yield content


def _take(pipe: int, stop: int, parts: list[bytes]) -> None:
    """Read what comes through a pipe until the other one is closed."""
    ready: list[int] = []
    while stop not in ready:
        ready = select.select([pipe, stop], [], [])[0]
        with contextlib.suppress(BlockingIOError):
            while part := os.read(pipe, 65536):
                parts.append(part)


def _reader(result: str) -> tuple[str, ...]:
    if os.access(sys.executable, os.X_OK) or sys.platform == "win32":
        return (sys.executable, "-I", "-S", "-c", _READER, result)
    # Under another account our own interpreter may be out of reach.
    return ("/bin/sh", "-c", 'exec env -0 >"$1"', "sh", result)


def ask_zdotdir(home: str) -> str | None:
    """Ask a real zsh where its start-up files are: ZDOTDIR as `~/.zshenv` leaves it, None for the home."""
    reading = read_variables("zsh", "script", home=home, before="export ZDOTDIR=${ZDOTDIR-}")
    return reading.get("ZDOTDIR") or None


def ask_profile(shell: Shell, home: str, extra: Mapping[str, str] | None = None) -> str | None:
    """Ask a real shell for the place that it reads at its start; None where it gives no absolute path."""
    executable = shutil.which(shell.program)
    if executable is None or shell.question is None:
        return None
    try:
        done = subprocess.run(
            [executable, *shell.question],
            env=clean_environment("script", home, extra),
            cwd=NEUTRAL_FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    path = done.stdout.decode("utf-8", "surrogateescape").strip()
    return path if done.returncode == 0 and Path(path).is_absolute() and "\n" not in path else None


def _run(
    start: Started,
    executable: str,
    environment: dict[str, str],
    *,
    terminal: bool,
    timeout: float,
) -> tuple[int | None, str]:
    """Run a shell; gives its status, None at the time limit, and the start of what it complained."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        commands = stack.enter_context(tempfile.TemporaryFile())
        commands.write((start.typed or "").encode("utf-8", "surrogateescape") + b"\n")
        commands.seek(0)
        output = stack.enter_context(_terminal()) if terminal and sys.platform != "win32" else subprocess.DEVNULL
        argv = start.argv
        if start.terminal:
            argv, executable = (sys.executable, "-I", "-S", "-c", _CONTROLLED, executable, *argv), sys.executable
        process = subprocess.Popen(
            argv,
            executable=executable,
            env=environment,
            cwd=NEUTRAL_FOLDER,
            stdin=commands if start.typed is not None else output if start.terminal else subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            # Also what a start-up file left running in the background: it would keep our files open.
            _kill_group(process)
        errors.seek(0)
        complaint = errors.read(_LONGEST_COMPLAINT).decode("utf-8", "backslashreplace").strip()
    return status, complaint


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """Give the file descriptor of a terminal whose output is read and thrown away."""
    import pty

    master, slave = pty.openpty()

    def drain() -> None:
        with contextlib.suppress(OSError):
            while os.read(master, 65536):
                pass
        # Closed by its reader alone: elsewhere the number could be another file's before a late reader looks again.
        os.close(master)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        yield slave
    finally:
        os.close(slave)
        reader.join(timeout=1)
