"""How the processes of the test are started, how they answer, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence

STATUS_OK, STATUS_USAGE, STATUS_NOT_PROVED = 0, 2, 4
ANSWER = "answer: "

# Importing torch reads hundreds of megabytes: a cold network file system takes minutes.
IMPORT_SECONDS = 180.0
DYING_SECONDS = 10.0
MOST_CRASHES = 3


def this_program() -> list[str]:
    """Give the command that runs the archive around this module again, as it is run now."""
    return [sys.executable, *interpreter_flags(), str(Path(__file__).absolute().parents[1])]


def interpreter_flags() -> list[str]:
    """Repeat the flags that decide which torch is found."""
    flags = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    return [flag for flag, on in flags.items() if on]


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a worker with everything it started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    # macOS answers PermissionError for a group of which only a zombie is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def ask_python(lines: Sequence[str], environ: Mapping[str, str] | None = None, seconds: float = IMPORT_SECONDS) -> str:
    """Run a few lines in a Python of their own; the answer is empty when they fail."""
    command = [sys.executable, "-c", "\n".join(lines)]
    try:
        done = subprocess.run(
            command,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
