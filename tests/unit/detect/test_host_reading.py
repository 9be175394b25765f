"""Reading a machine: prefixes, links, odd files, commands and foreign code, none of which may hold us up."""

from __future__ import annotations

import json
import operator
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.patience import LONG, SOON, soon
from support.trees import lay_out
from torchup.detect.commands import run_commands
from torchup.detect.host import Host
from torchup.detect.isolate import call_isolated

ENVIRON = {"PATH": "/usr/bin:/bin"}


def test_links_never_lead_out_of_the_prefix(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    root = tmp_path / "root"
    lay_out(
        tmp_path,
        {
            "/secret": "outside",
            "/root/a/absolute": {"link": "/secret"},
            "/root/a/relative": {"link": "../../../../secret"},
            "/root/a/loop": {"link": "loop"},
            "/root/usr/lib/file": "inside",
            "/root/lib": {"link": "usr/lib"},
            "/root/a/chain": {"link": "/lib/../lib/file"},
        },
    )
    host = host_at(root)

    assert host.read_text("/a/absolute") is None
    assert host.read_text("/a/relative") is None
    assert host.read_text("/a/loop") is None
    assert host.read_text("/a/chain") == "inside"
    assert host.resolve("/a/chain") == "/usr/lib/file"
    assert host.link_target("/a/chain") == "/lib/../lib/file"
    assert host.link_target("/lib/file") is None


def test_files_that_are_no_files(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    os.mkfifo(tmp_path / "fifo")
    lay_out(tmp_path, {"/folder": None, "/binary": {"bytes": "ff00fe"}, "/empty": "", "/value": " x \n\0"})
    host = host_at()

    with soon():
        assert host.read_bytes("/fifo") is None
    assert host.read_bytes("/folder") is None
    assert host.read_text("/binary") == "\ufffd\0\ufffd"
    assert host.read_line("/empty") is None
    assert host.read_line("/value") == "x"
    assert host.read_bytes("/binary", limit=1) == b"\xff"
    assert host.names("/gone") == ()
    assert host.read_text("/binary/below") is None
    assert host.read_text("/nul\0byte") is None
    assert host.notes.codes() <= {"unreadable"}


def test_a_closed_file_is_noted(tmp_path: Path, host_at: Callable[..., Host], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")  # root, as whom CI runs, may read everything

    lay_out(tmp_path, {"/closed": "x"})
    monkeypatch.setattr(os, "open", refuse)
    host = host_at()

    assert host.read_text("/closed", quiet=True) is None
    assert host.notes.findings() == ()
    assert host.read_text("/closed") is None
    assert [finding.evidence for finding in host.notes.findings()] == ["Permission denied"]


def test_a_captured_tree_is_never_acted_upon(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(tmp_path, {"/bin/tool": {"run": f"#!/bin/sh\ntouch {tmp_path}/ran\n"}})
    host = host_at()

    assert host.run(["/bin/tool"]) is None
    assert host.run_all([["/bin/tool"]]) == []
    assert not (tmp_path / "ran").exists()


def test_path_entries_that_are_not_absolute_do_not_count(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(tmp_path, {"/bin/tool": {"run": ""}, "/sbin/tool": ""})
    host = host_at(environ={"PATH": ":.:relative:/sbin:/bin/:/bin"})

    assert host.search_path() == ("/sbin", "/bin")
    assert host.which("tool") == "/bin/tool"


def test_commands_run_side_by_side_and_end_at_the_limit() -> None:
    commands = [
        ["/bin/sh", "-c", f"sleep {LONG} & sleep {LONG}"],
        ["/bin/sh", "-c", "cat; echo out; echo err >&2; exit 3"],
        ["/nowhere/tool"],
        ["/bin/sh", "-c", "printf '\\377'; kill -9 $$"],
    ]
    with soon():
        hung, spoke, missing, killed = run_commands(commands, environ=ENVIRON, limit=3)

    assert hung.returncode is None
    assert hung.problem == "/bin/sh did not finish within 3 s and was stopped."
    assert (spoke.returncode, spoke.stdout, spoke.stderr, spoke.ok) == (3, "out\n", "err\n", False)
    assert missing.problem is not None
    assert "/nowhere/tool could not be started" in missing.problem
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "\ufffd")


def test_a_grandchild_that_keeps_the_pipe_does_not_hold_us_up() -> None:
    code = f"import os,time\nif os.fork() == 0:\n os.setsid()\ntime.sleep({LONG})\n"
    with soon():
        (ran,) = run_commands([[sys.executable, "-I", "-S", "-c", code]], environ=ENVIRON, limit=3)

    assert ran.returncode is None


def test_a_stopped_command_takes_its_children_along(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    run_commands([["/bin/sh", "-c", f"sleep 60 & echo $! > {mark}; wait"]], environ=ENVIRON, limit=3)

    pid = int(mark.read_text())
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline and _is_running(pid):
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


@pytest.fixture(params=["fork", "interpreter"])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """With a second thread running the call may not fork, and starts an interpreter."""
    if request.param == "fork":
        if threading.active_count() > 1:
            pytest.skip("this test process has threads of its own")
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    yield
    stop.set()
    thread.join()


def isolated(function: Callable[..., Any], *arguments: Any, limit: float = 20.0) -> Any:
    return call_isolated(function, *arguments, limit=limit, environ=dict(os.environ))


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_gives_its_value() -> None:
    assert isolated(json.loads, '{"a": [1, "ä"]}').value == {"a": [1, "ä"]}


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_that_raises() -> None:
    answer = isolated(operator.floordiv, 1, 0)
    assert (answer.failure, answer.detail) == ("raised", "ZeroDivisionError: integer division or modulo by zero")


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_that_hangs() -> None:
    with soon():
        answer = isolated(time.sleep, LONG, limit=0.2)
    assert (answer.failure, answer.detail) == ("timeout", "no answer within 0.2 s")


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_that_crashes_stays_in_its_child() -> None:
    answer = isolated(signal.raise_signal, int(signal.SIGKILL))
    assert (answer.failure, answer.detail) == ("crashed", "ended by SIGKILL")


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_that_leaves_stays_in_its_child() -> None:
    answer = isolated(os._exit, 0)
    assert (answer.failure, answer.detail) == ("crashed", "ended without an answer")


@pytest.mark.usefixtures("threads")
def test_an_isolated_call_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert isolated(os.system, "echo chatter; exit 4").value == 4 << 8
    assert capfd.readouterr() == ("", "")
