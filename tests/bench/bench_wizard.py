"""The wizard on a recorded machine, from its start to the first question on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from support.machines import MACHINES

MACHINE = "laptop-4060"
# What stands before the preselected option of a menu.
POINTER = "→".encode()
PATIENCE = 60.0


def bench_wizard(rounds: int, bare: Callable[[], Any], torchup: str) -> tuple[str, str, str, str]:
    """Time it beside the bare interpreter; gives a row of the bench."""
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.yaml"
        recorded = yaml.safe_load((MACHINES / f"{MACHINE}.yaml").read_text(encoding="utf-8"))["facts"]
        facts.write_text(yaml.safe_dump(recorded), encoding="utf-8")
        command = [torchup, "setup", "--machine", str(facts), "--dry-run", "--offline"]
        environ = {**os.environ, "HOME": folder, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        _first_question(command, environ), bare()
        pairs = [(_first_question(command, environ), bare().wall) for _ in range(rounds)]
    ours, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    detail = f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms"
    return "wizard to its first question / bare python", f"{ours / theirs:.2f} times", "<= 15", detail


def _first_question(command: list[str], environ: dict[str, str]) -> float:
    ours, child_end = pty.openpty()
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=child_end, stdout=child_end, stderr=child_end, env=environ, start_new_session=True
    )
    os.close(child_end)
    seen = b""
    try:
        while POINTER not in seen:
            if time.perf_counter() - started > PATIENCE:
                raise TimeoutError(seen.decode(errors="replace"))
            seen += os.read(ours, 65536)
            if b"\x1b[6n" in seen[-200:]:
                os.write(ours, b"\x1b[1;1R")
        return time.perf_counter() - started
    finally:
        child.kill()
        child.wait()
        os.close(ours)
