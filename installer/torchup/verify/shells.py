"""The real-shell check: start the shells as a person does, and read back what they know."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchup.model.outcome import Check, CheckStatus
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.quoting import quote
from torchup.shell.startup_files import LANGUAGES, StartMode, StartupFile
from torchup.verify.shell_syntax import parse_check

__all__ = ["ShellReading", "ask_zdotdir", "check_startup", "differences", "parse_check", "read_variables", "shell_argv"]

# The reader writes to a file and not to standard output, where start-up files write too.
_READER = (
    "import os,sys;f=open(sys.argv[1],'wb');f.write(b'\\0'.join(k+b'='+v for k,v in os.environb.items()));f.close()"
)
_LONGEST_COMPLAINT = 300


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


def shell_argv(shell: str, mode: StartMode, command: str) -> list[str]:
    """Give the argument vector, name included, that starts a shell in a mode to run one command.

    `login` is the interactive login shell of a terminal or console; its name begins with a dash.
    Where the command is no part of the result, the shell is to read it from its standard input.
    """
    name = "pwsh" if shell == "powershell" else shell
    if shell == "powershell":
        return [name, "-NoLogo", "-Command", command]
    if shell in ("tcsh", "csh") and mode in ("login", "interactive"):
        # With -c it does not take itself for interactive, whatever else it is told.
        return [f"-{name}"] if mode == "login" else [name, "-i"]
    if mode == "login":
        return [f"-{name}", "-i", "-c", command]
    if mode == "interactive":
        return [name, "-i", "-c", command]
    return [name, "-c", command]


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
    program = "pwsh" if shell == "powershell" else shell
    executable = shutil.which(program)
    if executable is None:
        return ShellReading(variables=None, problem=f"{program} is not installed")
    with tempfile.TemporaryDirectory(prefix="torchup-") as folder:
        result = Path(folder) / "environment"
        language = LANGUAGES.get(shell, "sh")
        words = [str(quote(language, word)) for word in (sys.executable, "-I", "-S", "-c", _READER, str(result))]
        reader = ("& " if shell == "powershell" else "") + " ".join(words)
        started = time.monotonic()
        command = f"{before}; {reader}" if before else reader
        argv = shell_argv(shell, mode, command)
        status, complaint = _run(
            argv,
            None if command in argv else command,
            executable,
            clean_environment(mode, home, extra),
            terminal=mode in ("interactive", "login"),
            timeout=timeout,
        )
        seconds = time.monotonic() - started
        content = result.read_bytes() if result.exists() else None
    if status is None:
        problem = f"{program} did not finish its start-up files within {timeout:g} s"
        return ShellReading(variables=None, problem=problem, timed_out=True, complaint=complaint, seconds=seconds)
    if content is None:
        problem = (
            f"{program} ended with status {status} before it ran a command: a start-up file stops it or runs another"
        )
        return ShellReading(variables=None, problem=problem, complaint=complaint, seconds=seconds)
    pairs = (entry.partition(b"=") for entry in content.split(b"\0") if entry)
    variables = {name.decode("utf-8", "surrogateescape"): value for name, _, value in pairs}
    return ShellReading(variables=variables, complaint=complaint, seconds=seconds)


def ask_zdotdir(home: str) -> str | None:
    """Ask a real zsh where its start-up files are: ZDOTDIR as `~/.zshenv` leaves it, None for the home."""
    reading = read_variables("zsh", "script", home=home, before="export ZDOTDIR=${ZDOTDIR-}")
    return reading.get("ZDOTDIR") or None


def check_startup(
    files: tuple[StartupFile, ...],
    expected: ShellEnvironment,
    *,
    home: str,
    extra: Mapping[str, str] | None = None,
    timeout: float = 15.0,
) -> tuple[Check, ...]:
    """Start every shell in every mode that the files serve, and compare what it knows.

    A check fails when our env file was not read to its end, and warns when something after it, or a
    read-only variable, has the last word. A file without modes is one that the user named: it is read
    by a script.
    """
    checks: list[Check] = []
    for shell, modes in _modes(files).items():
        checks.extend(_check(shell, mode, "", expected, home, extra, timeout) for mode in modes)
    for file in files:
        if not file.modes:
            reads = "source" if file.language in ("fish", "csh") else "."
            before = f"{reads} {quote(file.language, file.path)}"
            checks.append(_check(file.shell, "script", before, expected, home, extra, timeout))
    return tuple(checks)


def differences(reading: ShellReading, expected: ShellEnvironment) -> tuple[CheckStatus, tuple[str, ...]]:
    """Compare what a shell knows with what it should: the status and a sentence for each difference."""
    unread = [
        f"{name} is {_shown(reading.get(name))} and not {wanted}"
        for name, wanted in (("TORCHUP_ENVIRONMENT", expected.environment), ("TORCHUP_CUDA_HOME", expected.cuda_home))
        if wanted is not None and reading.get(name) != wanted
    ]
    if unread:
        return "fail", tuple(unread)
    problems: list[str] = []
    if expected.cuda_home is not None and reading.get("CUDA_HOME") != expected.cuda_home:
        problems.append(f"CUDA_HOME is {_shown(reading.get('CUDA_HOME'))} and not {expected.cuda_home}")
    path = (reading.get("PATH") or "").split(":")
    libraries = (reading.get("LD_LIBRARY_PATH") or "").split(":")
    for name, entries, wanted_entries in (
        ("PATH", path, expected.bin_dirs),
        ("LD_LIBRARY_PATH", libraries, expected.library_dirs),
    ):
        problems.extend(
            f"{entry} is {entries.count(entry)} times in {name}"
            for entry in wanted_entries
            if entries.count(entry) != 1
        )
    nvcc = shutil.which("nvcc", path=reading.get("PATH") or "")
    if nvcc is not None and expected.bin_dirs and str(Path(nvcc).parent) not in expected.bin_dirs:
        problems.append(f"the nvcc that is found first is {nvcc}")
    if len(libraries) > 1 and "" in libraries:
        problems.append("LD_LIBRARY_PATH has an empty entry, and the loader searches the current directory")
    return ("warn" if problems else "pass"), tuple(problems)


def _modes(files: tuple[StartupFile, ...]) -> dict[str, tuple[StartMode, ...]]:
    order: tuple[StartMode, ...] = ("interactive", "login", "script", "ssh")
    served: dict[str, set[StartMode]] = {}
    for file in files:
        if file.modes:
            served.setdefault(file.shell, set()).update(file.modes)
    return {shell: tuple(mode for mode in order if mode in modes) for shell, modes in served.items()}


def _check(
    shell: str,
    mode: StartMode,
    before: str,
    expected: ShellEnvironment,
    home: str,
    extra: Mapping[str, str] | None,
    timeout: float,
) -> Check:
    name = f"shell.{shell}.{'file' if before else mode}"
    if shutil.which("pwsh" if shell == "powershell" else shell) is None:
        return Check(id=name, status="skip", detail=f"{shell} is not installed")
    reading = read_variables(shell, mode, home=home, extra=extra, before=before, timeout=timeout)
    if reading.problem is not None:
        return Check(
            id=name,
            status="timeout" if reading.timed_out else "fail",
            seconds=reading.seconds,
            detail=f"{reading.problem}. {reading.complaint}".strip(),
            hint="Look for `exec`, `exit`, or a command that waits for input in the start-up files of this shell.",
        )
    status, problems = differences(reading, expected)
    hints: dict[CheckStatus, str] = {
        "fail": "The block was not reached: a line above it ends the file early, or the shell reads another file.",
        "warn": "A line after the block, or a read-only variable, has the last word; `torchup shell show` lists such lines.",
    }
    return Check(
        id=name,
        status=status,
        seconds=reading.seconds,
        detail="; ".join(problems) or f"{mode} {shell} knows what it should",
        hint=hints.get(status),
    )


def _shown(value: str | None) -> str:
    return "not set" if value is None else value or "empty"


def _run(
    argv: list[str],
    typed: str | None,
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
        commands.write((typed or "").encode("utf-8", "surrogateescape") + b"\n")
        commands.seek(0)
        output = stack.enter_context(_terminal()) if terminal and sys.platform != "win32" else subprocess.DEVNULL
        process = subprocess.Popen(
            argv,
            executable=executable,
            env=environment,
            cwd="/" if sys.platform != "win32" else None,
            stdin=subprocess.DEVNULL if typed is None else commands,
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

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        yield slave
    finally:
        os.close(slave)
        reader.join(timeout=1)
        os.close(master)
