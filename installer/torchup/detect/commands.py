"""Run short commands without ever waiting longer than a limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torchup.children import NEUTRAL_FOLDER
from torchup.ownership import stranger
from torchup.words import tr

_GRACE_SECONDS = 0.5
_LEAST_SECONDS = 0.1


class Ran(NamedTuple):
    """How a command ended: `returncode` is None when it could not be started or was stopped at the limit.

    `problem` is then a sentence that says which of the two.
    """

    returncode: int | None
    stdout: str = ""
    stderr: str = ""
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the command ran to its end and reported success."""
        return self.returncode == 0


def run_commands(commands: Sequence[Sequence[str]], *, environ: Mapping[str, str], limit: float) -> list[Ran]:
    """Start all commands at once, standard input closed, and gather what they say within `limit` seconds.

    Each runs in its own process group, which is killed as a whole when the time is up.
    """
    deadline = time.monotonic() + limit
    started = [_start(argv, environ) for argv in commands]
    return [_finish(child, deadline, limit) for child in started]


def _start(argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes] | Ran:
    if argv[0] != sys.executable and (theirs := stranger(argv[0])) is not None:
        return Ran(
            returncode=None,
            problem=tr(
                "{program} was not started: {path} is not root's alone, and this is root.",
                program=argv[0],
                path=theirs.path,
            ),
        )
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environ),
            cwd=NEUTRAL_FOLDER,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ran(returncode=None, problem=tr("{program} could not be started: {error}", program=argv[0], error=error))


def _finish(child: subprocess.Popen[bytes] | Ran, deadline: float, limit: float) -> Ran:
    if isinstance(child, Ran):
        return child
    try:
        # One that was waited for too long must not cost the others what they have said already.
        out, err = child.communicate(timeout=max(_LEAST_SECONDS, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _kill(child)
        name = child.args[0] if isinstance(child.args, list) else child.args
        return Ran(
            returncode=None,
            problem=tr("{name} did not finish within {limit:g} s and was stopped.", name=name, limit=limit),
        )
    return Ran(
        returncode=child.returncode, stdout=out.decode("utf-8", "replace"), stderr=err.decode("utf-8", "replace")
    )


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except ProcessLookupError:
        pass  # it ended by itself in this very moment
    try:
        child.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        # Stuck in the kernel, or a grandchild that left the group holds the pipes: neither may hold us up.
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        child.poll()
