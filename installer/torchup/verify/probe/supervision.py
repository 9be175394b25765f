"""The worker as its parent sees it: it is asked, watched, and replaced when it died."""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Sequence

from .deaths import death_of
from .excerpts import summarize_stderr
from .processes import ANSWER, DYING_SECONDS, IMPORT_SECONDS, end_group, this_program
from .result import Result
from .sentences import SEMICOLON, heard, listed, say
from .symptoms import cause_of


class Worker:
    """A worker process as the parent sees it; it is started when needed and replaced when it died."""

    def __init__(self, arguments: Sequence[str], scale: float) -> None:
        self.arguments = list(arguments)
        self.scale = scale
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.errors: Any = None

    def ask(self, check: str, device: str, kind: str, seconds: float, **more: Any) -> dict[str, Any]:
        """Run one check and give its answer; a death or a hang is an answer too. `more` goes with the request."""
        limit = seconds * self.scale
        if self.process is None:
            self.start()
            limit = max(limit, seconds * self.scale + IMPORT_SECONDS * self.scale) if check != "import" else limit
        process = self.process
        assert process is not None  # noqa: S101 - start() has set it
        assert process.stdin is not None  # noqa: S101 - start() asked for a pipe
        request = {"check": check, "device": device, "kind": kind, "seconds": limit, **more}
        start = time.perf_counter()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = self.lines.get(timeout=limit)
        except queue.Empty:
            self.stop()
            where = self.evidence()
            late = say("no answer within {limit:g} s", limit=limit)
            if where:
                late = say("{what}; it was in {place}", what=late, place=where)
            return {**Result("timeout", detail=late, hint="check-hung")._asdict(), "seconds": limit}
        except OSError:
            line = None
        if line is None:
            # Its output has ended, so it is about to die by itself, and how it dies is the finding.
            status, cause = death_of(self.stop(grace=DYING_SECONDS))
            said = self.evidence()
            text = listed(filter(None, [say("the process {how}", how=status), said]), SEMICOLON)
            taken = round(time.perf_counter() - start, 3)
            return {**Result("fail", detail=text, hint=cause_of(said) or cause)._asdict(), "seconds": taken}
        answer: dict[str, Any] = json.loads(line)
        answer["detail"] = heard(answer["detail"])
        if answer.pop("sticky", False):
            self.stop()
        return answer

    def start(self) -> None:
        """Start the worker with its own process group, so that it can be ended with its children."""
        self.lines = queue.Queue()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        options: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
        command = [*this_program(), "--worker", *self.arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="ascii",
            errors="replace",
            **options,
        )
        threading.Thread(target=self.read, args=(self.process.stdout, self.lines), daemon=True).start()

    @staticmethod
    def read(stream: Any, lines: queue.Queue[str | None]) -> None:
        """Pass on what the worker says; None is its end."""
        for line in stream:
            # Whatever runs when Python starts may print; only a whole line with the mark is an answer.
            if line.startswith(ANSWER) and line.endswith("\n"):
                lines.put(line[len(ANSWER) :])
        stream.close()
        lines.put(None)

    def stop(self, grace: float = 0.0) -> int:
        """End the worker with its children and give its status; `grace` lets it die by itself first."""
        process, self.process = self.process, None
        if process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
        end_group(process)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        return process.wait()

    def evidence(self) -> str:
        """Give the last lines that the worker wrote to its standard error."""
        self.errors.seek(0)
        text = self.errors.read().decode("utf-8", "replace")
        return summarize_stderr(text)


def worker_arguments(options: argparse.Namespace) -> list[str]:
    """Pass on to the worker what its checks need."""
    arguments = ["--level", options.level, "--gpu-expected", options.gpu_expected]
    arguments += ["--soak-seconds", str(options.soak_seconds), "--timeout-scale", str(options.timeout_scale)]
    for name in ("version", "variant"):
        value = getattr(options, f"expect_{name}")
        if value:
            arguments += [f"--expect-{name}", value]
    return arguments
