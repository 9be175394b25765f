"""Call a function that enters foreign C code, which may hang or crash, without going down with it."""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torchup
from torchup.children import NEUTRAL_FOLDER
from torchup.words import tr

_GRACE_SECONDS = 0.5
_CHUNK = 65536
# Isolated: what the person's variables or the current folder bring is not imported. Where torchup lies is told.
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from torchup.detect.isolate import answer; "
    "print('\\n' + answer(*sys.argv[2:]))"
)
_SOURCE = str(Path(torchup.__file__).parents[1])


class Isolated(NamedTuple):
    """What came of an isolated call: its `value`, or why there is none and a `detail` that says more."""

    value: Any = None
    failure: Literal["timeout", "crashed", "raised"] | None = None
    detail: str = ""


def call_isolated(function: Callable[..., Any], *arguments: Any, limit: float, environ: Mapping[str, str]) -> Isolated:
    """Call a module's function, with and for JSON data, in a child process, and wait at most `limit` seconds.

    Where no other thread runs the child is a fork, which costs two milliseconds. Elsewhere (a spinner is a
    thread too, and Windows cannot fork) it is a fresh interpreter, which costs forty or more.
    """
    if hasattr(os, "fork") and threading.active_count() == 1:
        return _in_fork(lambda: function(*arguments), limit)
    return _in_interpreter(f"{function.__module__}:{function.__qualname__}", arguments, limit, environ)


def _in_interpreter(name: str, arguments: tuple[Any, ...], limit: float, environ: Mapping[str, str]) -> Isolated:
    from torchup.detect.commands import run_commands

    command = [sys.executable, "-I", "-c", _CHILD, _SOURCE, name, json.dumps(arguments)]
    (ran,) = run_commands([command], environ=environ, limit=limit)
    if ran.returncode is None:
        return Isolated(failure="timeout", detail=_no_answer(limit))
    if ran.returncode < 0:
        return Isolated(failure="crashed", detail=_ended_by(-ran.returncode))
    # Foreign code may print as well; the answer is the last line.
    return _parse(ran.stdout.strip().rpartition("\n")[2])


def answer(name: str, arguments: str) -> str:
    """Call `module:function` with arguments in JSON, in the child, and give the answer as a line of JSON."""
    module, _, function = name.partition(":")
    found = _call(lambda: getattr(importlib.import_module(module), function)(*json.loads(arguments)))
    return json.dumps({"value": found.value, "failure": found.failure, "detail": found.detail})


def _call(function: Callable[[], Any]) -> Isolated:
    try:
        return Isolated(value=function())
    except Exception as error:  # noqa: BLE001 - whatever the foreign code raised is reported as such
        return Isolated(failure="raised", detail=f"{type(error).__name__}: {error}")


def _in_fork(function: Callable[[], Any], limit: float) -> Isolated:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(function, reader, writer)
    os.close(writer)
    try:
        said = _read_all(reader, time.monotonic() + limit)
    except BaseException:
        os.kill(pid, signal.SIGKILL)  # an interrupt must not leave the child behind
        _reap(pid)
        raise
    finally:
        os.close(reader)
    if said is None:
        os.kill(pid, signal.SIGKILL)
        _reap(pid)
        return Isolated(failure="timeout", detail=_no_answer(limit))
    status = _reap(pid)
    if status is not None and os.WIFSIGNALED(status):
        return Isolated(failure="crashed", detail=_ended_by(os.WTERMSIG(status)))
    return _parse(said.decode())


def _parse(said: str) -> Isolated:
    try:
        return Isolated(**json.loads(said))
    except (ValueError, TypeError):
        return Isolated(failure="crashed", detail=tr("ended without an answer"))


def _no_answer(limit: float) -> str:
    return tr("no answer within {limit:g} s", limit=limit)


def _ended_by(number: int) -> str:
    return tr("ended by {signal}", signal=signal.Signals(number).name)


def _child(function: Callable[[], Any], reader: int, writer: int) -> None:
    """Answer through the pipe and leave at once: nothing of the parent's state is flushed or run twice."""
    code = 1
    try:
        os.close(reader)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(NEUTRAL_FOLDER)  # a library path with an empty element would search the current folder
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        found = _call(function)
        text = json.dumps({"value": found.value, "failure": found.failure, "detail": found.detail})
        data = text.encode()
        while data:
            data = data[os.write(writer, data) :]
        code = 0
    finally:
        os._exit(code)


def _read_all(reader: int, deadline: float) -> bytes | None:
    chunks: list[bytes] = []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([reader], [], [], left)[0]:
            break
        chunk = os.read(reader, _CHUNK)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
    return None


def _reap(pid: int) -> int | None:
    """Collect the child's status; one that is stuck in the kernel is left behind."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None  # the program that called us lets the kernel collect its children
        if done == pid:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)
