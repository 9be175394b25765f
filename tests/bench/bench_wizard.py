"""The wizard on a recorded machine, from its start to the first question on a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from support.machines import MACHINES

MACHINE = "laptop-4060"
ONE_QUESTION = str(Path(__file__).with_name("one_question.py"))
# What stands before the preselected option of a menu.
POINTER = "→".encode()
PATIENCE = 60.0


def bench_wizard(rounds: int, bare: Callable[[], Any], torchup: str) -> Iterator[tuple[str, str, str, str]]:
    """Time it beside the bare interpreter and beside its libraries alone; gives rows of the bench."""
    with tempfile.TemporaryDirectory() as folder:
        # As `torchup detect --json` writes it, which is where such files come from.
        facts = Path(folder) / "facts.json"
        recorded = yaml.safe_load((MACHINES / f"{MACHINE}.yaml").read_text(encoding="utf-8"))["facts"]
        facts.write_text(json.dumps(recorded, indent=2), encoding="utf-8")
        wizard = [torchup, "setup", "--machine", str(facts), "--dry-run", "--offline"]
        environ = {**os.environ, "HOME": folder, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = (
            lambda: first_question(wizard, environ),
            lambda: first_question([sys.executable, ONE_QUESTION], environ),
            lambda: bare().wall,
        )
        for run in runs:
            run()
        measured = [[run() for run in runs] for _ in range(rounds)]
    ours, libraries, theirs = (median(times) for times in zip(*measured, strict=True))
    yield _row("wizard to its first question / bare python", ours, theirs, "<= 15")
    yield _row("  its libraries asking one question / bare", libraries, theirs, "-")


def _row(name: str, ours: float, theirs: float, aim: str) -> tuple[str, str, str, str]:
    return name, f"{ours / theirs:.2f} times", aim, f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms"


def first_question(
    command: list[str], environ: dict[str, str], *, cwd: Path | None = None, patience: float = PATIENCE
) -> float:
    """Start a command on a terminal and give the seconds to its first menu; raises TimeoutError."""
    ours, child_end = pty.openpty()
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=child_end, stdout=child_end, stderr=child_end, env=environ, cwd=cwd, start_new_session=True
    )
    os.close(child_end)
    seen = b""
    try:
        while POINTER not in seen:
            if time.perf_counter() - started > patience:
                raise TimeoutError(seen.decode(errors="replace"))
            seen += os.read(ours, 65536)
            if b"\x1b[6n" in seen[-200:]:
                os.write(ours, b"\x1b[1;1R")
        return time.perf_counter() - started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # make has children
        child.wait()
        os.close(ours)
