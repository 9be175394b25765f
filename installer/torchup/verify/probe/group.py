"""Several processes that work together: one for each device, or two on the CPU."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from .bench import Bench
from .deaths import death_of
from .excerpts import summarize_stderr
from .processes import ANSWER, DYING_SECONDS, this_program
from .sentences import SEMICOLON, listed, say

MEMBER_SECONDS = 150.0


class Ended(NamedTuple):
    """How a process of a group ended: `answered`, `died` or `hung`; `said` is its answer or its last words."""

    how: str
    said: Any

    def in_words(self) -> str:
        """Say how it ended, where it did not answer."""
        return say("hung") if self.how == "hung" else say("died")


def run_members(
    task: str, bench: Bench, seconds: float, settings: Mapping[str, Any] | None = None, **variables: str
) -> list[Ended]:
    """Run a task in one process for each device at once, and tell how each ended.

    They find each other through a file, so that no port and no name of this host is needed.
    """
    seconds *= bench.wishes.timeout_scale
    environ = {**os.environ, **variables}
    # The processes are on one machine: the loopback is the only interface that is surely there.
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    if sys.platform != "win32":
        environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        processes = []
        outputs = []
        for rank, device in enumerate(bench.devices):
            request = {
                "task": task,
                "rank": rank,
                "world": len(bench.devices),
                "device": device,
                "kind": bench.kind,
                "level": bench.level,
                "store": os.path.join(folder, "store"),  # noqa: PTH118 - a string is wanted
                "seconds": seconds,
                **(settings or {}),
            }
            outputs.append((Path(folder) / f"out{rank}", Path(folder) / f"err{rank}"))
            with outputs[-1][0].open("wb") as out, outputs[-1][1].open("wb") as errors:
                command = [*this_program(), "--member", json.dumps(request)]
                processes.append(
                    subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
                )
        try:
            hung = wait_for_all(processes, seconds)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
        return [
            ended(
                process.returncode,
                rank in hung,
                *(path.read_text(encoding="utf-8", errors="replace") for path in paths),
            )
            for rank, (process, paths) in enumerate(zip(processes, outputs))  # noqa: B905 - Python 3.9 has no strict
        ]


def wait_for_all(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> set[int]:
    """Wait until all have ended; once one has died the others get a moment. Gives the numbers of those that hung."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        states = [process.poll() for process in processes]
        if None not in states:
            return set()
        if any(states):
            end = min(end, time.monotonic() + DYING_SECONDS)
        time.sleep(0.05)
    return {number for number, process in enumerate(processes) if process.poll() is None}


def ended(status: int, hung: bool, out: str, errors: str) -> Ended:
    """Tell how a process ended from its status and what it wrote."""
    answers = [line[len(ANSWER) :] for line in out.splitlines() if line.startswith(ANSWER)]
    if answers and not status:
        return Ended("answered", json.loads(answers[-1]))
    said = summarize_stderr(errors)
    # The second is a process that watched its own clock: what faulthandler writes, and how it ends.
    if hung or (status == 1 and "Timeout (" in errors):
        return Ended("hung", said)
    return Ended("died", listed([death_of(status)[0], said], SEMICOLON))


def joined(request: Mapping[str, Any]) -> Any:
    """Join the group of processes and give torch.distributed."""
    timedelta = importlib.import_module("datetime").timedelta
    dist = importlib.import_module("torch.distributed")
    dist.init_process_group(
        request["backend"],
        init_method="file:///" + request["store"].lstrip("/").replace(os.sep, "/"),
        rank=request["rank"],
        world_size=request["world"],
        timeout=timedelta(seconds=60),
    )
    return dist


def backend_of(bench: Bench) -> str:
    """Name the collective library: NCCL (RCCL goes by its name), else gloo, which is all that there is on Windows."""
    return "nccl" if bench.kind in ("cuda", "hip") and sys.platform != "win32" else "gloo"
