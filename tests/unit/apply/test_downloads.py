"""Downloads: the right bytes or nothing, again after a passing fault and only then, and undone to the byte."""

from __future__ import annotations

import hashlib
import io
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from urllib3.exceptions import ProtocolError

from support.sandbox import Sandbox, tree
from support.tools import require
from torchup.apply import web_files
from torchup.apply.interrupts import CommandInterruptedError, Interrupts
from torchup.apply.run import apply_plan, undo_run
from torchup.apply.script import dry_run
from torchup.apply.web_files import WebFiles
from torchup.errors import StepError
from torchup.model.offer import IndexSettings
from torchup.model.plan import Download, Plan
from torchup.resolve.offers.transport import FetchError

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Serves CONTENT; `answers` are what it does for the first requests: a status, or `cut` in the middle."""

    url: str
    answers: list[int | str] = field(default_factory=list)
    requests: int = 0


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            answer = state.answers.pop(0) if state.answers else 200
            if isinstance(answer, int) and answer != 200:
                self.send_error(answer)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000] if answer == "cut" else CONTENT)

        def log_message(self, *_words: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{listening.server_port}/driver.deb")
    thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no time between tries."""
    monkeypatch.setattr(WebFiles, "_wait", lambda _files, _seconds: None)


def step(server: Server, path: Path, **changes: object) -> Download:
    given = {"id": "get", "summary": "Get it", "why": "w", "url": server.url, "path": str(path), "sha256": SHA256}
    return Download(**{**given, **changes})  # type: ignore[arg-type]


def plan_of(*steps: Download) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


@pytest.mark.parametrize("answers", [[], [503, 503], ["cut", 502], ["cut", "cut", "cut"]])
def test_a_file_arrives_also_after_faults_that_pass(box: Sandbox, server: Server, answers: list[int | str]) -> None:
    server.answers = [*answers]
    path = box.home / "driver.deb"
    assert apply_plan(plan_of(step(server, path, mode=0o640)), box.machine, verifier=None).changed
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o640
    assert server.requests == len(answers) + 1
    assert not apply_plan(plan_of(step(server, path, mode=0o640)), box.machine, verifier=None).changed
    assert server.requests == len(answers) + 1
    undo_run(box.machine).raise_if_left()
    assert not path.exists()


@pytest.mark.parametrize(
    ("answers", "code", "requests"),
    [
        ([404], "download-failed", 1),
        ([403], "download-failed", 1),
        ([401], "authentication", 1),
        ([500, 500, 500, 500], "download-failed", 4),
        (["cut", "cut", "cut", "cut"], "download-failed", 4),
    ],
)
def test_a_file_that_does_not_come_leaves_nothing(
    box: Sandbox, server: Server, answers: list[int | str], code: str, requests: int
) -> None:
    server.answers = [*answers]
    path = box.home / "driver.deb"
    path.write_bytes(b"mine")
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(step(server, path)), box.machine, verifier=None)
    assert caught.value.code == code
    assert server.requests == requests
    assert tree(box.home) == before


def test_another_file_than_expected_is_not_kept(box: Sandbox, server: Server) -> None:
    before = tree(box.home)
    wrong = step(server, box.home / "driver.deb", sha256="0" * 64)
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(wrong), box.machine, verifier=None)
    assert caught.value.code == "hash-mismatch"
    assert SHA256 in caught.value.evidence[0]
    assert server.requests == 1
    assert tree(box.home) == before


def test_what_was_there_comes_back(box: Sandbox, server: Server) -> None:
    path = box.home / "driver.deb"
    path.write_bytes(b"mine")
    path.chmod(0o600)
    before = tree(box.home)
    apply_plan(plan_of(step(server, path)), box.machine, verifier=None)
    assert path.read_bytes() == CONTENT
    undo_run(box.machine).raise_if_left()
    assert tree(box.home) == before


def test_without_a_digest_only_https_will_do(box: Sandbox, server: Server) -> None:
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(step(server, box.home / "driver.deb", sha256=None)), box.machine, verifier=None)
    assert caught.value.code == "url-not-safe"
    assert server.requests == 0


def test_ctrl_c_ends_a_download_and_keeps_nothing(server: Server, tmp_path: Path) -> None:
    interrupts = Interrupts()
    interrupts.count = 1
    files = WebFiles(settings=IndexSettings(), interrupts=interrupts)
    with (tmp_path / "file").open("wb") as into, pytest.raises(CommandInterruptedError):
        files.fetch(server.url, into, sha256=SHA256, on_output=lambda _line: None)


def test_the_script_fetches_the_same_and_refuses_another_file(box: Sandbox, server: Server) -> None:
    if shutil.which("wget") is None:
        require("curl")  # the script takes either
    path = box.home / "driver.deb"
    for sha256, status in ((SHA256, 0), ("0" * 64, 1)):
        path.unlink(missing_ok=True)
        before = tree(box.home)
        dry = dry_run(plan_of(step(server, path, sha256=sha256, mode=0o600)), box.machine.system(), box.context)
        done = subprocess.run(["sh", "-c", dry.script], check=False, capture_output=True, env={**box.context.environ})
        assert done.returncode == status, done.stderr
        if status == 0:
            assert path.read_bytes() == CONTENT
            assert path.stat().st_mode & 0o777 == 0o600
        else:
            assert b"is not the file that was expected" in done.stderr
            assert tree(box.home) == before


def test_faults_of_the_moment_are_told_from_those_that_stay() -> None:
    passing = [
        FetchError("page", "x", status=503),
        web_files._CutOffError("x"),
        _fault(requests.ReadTimeout()),
        _fault(requests.ConnectionError(), because_of=ConnectionRefusedError()),
        _fault(requests.ConnectionError(), because_of=ProtocolError("x")),
    ]
    staying = [
        FetchError("page", "x", status=404),
        FetchError("host", "x", status=401),
        _fault(requests.exceptions.SSLError()),
        _fault(requests.exceptions.ProxyError(), because_of=ConnectionRefusedError()),
        _fault(requests.ConnectionError(), because_of=socket.gaierror()),
        _fault(requests.TooManyRedirects()),
    ]
    assert all(web_files._may_pass(fault) for fault in passing)
    assert not any(web_files._may_pass(fault) for fault in staying)


def test_a_refused_connection_is_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        files = WebFiles(settings=IndexSettings(), interrupts=Interrupts(), pauses=(0.0, 0.0))
        said: list[str] = []
        with pytest.raises(StepError):
            files.fetch(f"http://127.0.0.1:{port}/x", io.BytesIO(), sha256="0" * 64, on_output=said.append)
    assert len(said) == 2


def test_the_code_of_a_failed_download_does_not_depend_on_the_language() -> None:
    for fault, code in (
        (FetchError("host", "x", status=401), "authentication"),
        (_fault(requests.exceptions.SSLError()), "certificate"),
        (_fault(requests.exceptions.ProxyError(), because_of=ssl.SSLCertVerificationError()), "certificate"),
        (FetchError("host", "x"), "download-failed"),
    ):
        assert web_files._failed("https://example.invalid/x", fault).code == code


def _fault(cause: Exception, *, because_of: Exception | None = None) -> FetchError:
    fault = FetchError("host", "x")
    fault.__cause__, cause.__cause__ = cause, because_of
    return fault
