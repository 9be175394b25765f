"""A package index on loopback with stub wheels that real uv and pip install, and every fault of the web.

    with WheelIndex() as index:
        index.pytorch("cu126").add("torch", "2.14.1+cu126")        # as PyTorch's own index lays it out
        index.simple().add("torch", "2.14.1").add("numpy", "2.3.5")  # a simple index, HTML and JSON
        index.links().add("torch", "2.13.0+cpu")                   # a flat find-links page
        index.fault("/whl/cu126/torch/", Status(503), times=2)     # twice, then the page
        ...
        index.url("whl")         # http://127.0.0.1:43210/whl, the root of the PyTorch layout
        index.url("simple")      # an index URL
        index.seen("/simple/")   # requests below a path, with headers and the status answered

The PyTorch layout answers 403 for what is missing, lists wheels in HTML with hashes and says no-store, like the
real one; other pages answer 404 and speak JSON to those who ask for it. Pages carry an ETag, honour
If-None-Match, and are compressed for those who take gzip.

What a stub wheel holds is told in `support.stub_wheels`, the faults in `support.index_faults`; both are
imported here too.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from support.index_faults import Body, CutOff, Fault, Redirect, Reset, Slow, Status, Trickle
from support.index_shelf import Shelf
from support.stub_wheels import StubWheel, native_tags, stub_wheel

__all__ = [
    "PYTORCH",
    "Body",
    "CutOff",
    "Fault",
    "Redirect",
    "Reset",
    "Seen",
    "Shelf",
    "Slow",
    "Status",
    "StubWheel",
    "Trickle",
    "WheelIndex",
    "native_tags",
    "stub_wheel",
]

PYTORCH = "whl"
"""The folder at which `WheelIndex.pytorch` lays out one index per variant."""

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class _Planned:
    fault: Fault
    left: int | None


@dataclass(frozen=True)
class Seen:
    """One request that came in; header names are in lower case."""

    path: str
    headers: dict[str, str]
    status: int


class WheelIndex:
    """The server; see the module for how to use it. `tls` is (certificate file, key file) for https."""

    def __init__(self, *, tls: tuple[Path, Path] | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.arrived: list[str] = []  # paths as they come in, answered or not
        self._shelves: dict[str, Shelf] = {}
        self._faults: dict[str, list[_Planned]] = {}
        self._logins: dict[str, str] = {}
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.close_all()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "", *, user: str | None = None, host: str = "127.0.0.1") -> str:
        """Give the URL of a path; `user` is `name:password` to put into it."""
        login = f"{user}@" if user else ""
        return f"{self._scheme}://{login}{host}:{self.port}/{path.lstrip('/')}"

    def pytorch(self, variant: str, *, root: str = PYTORCH) -> Shelf:
        """Give the shelf of one variant in the layout of PyTorch's index."""
        return self._shelf(f"{root}/{variant}", "pytorch")

    def simple(self, path: str = "simple") -> Shelf:
        """Give the shelf of a simple index."""
        return self._shelf(path, "simple")

    def links(self, path: str = "links.html") -> Shelf:
        """Give the shelf of a flat page."""
        return self._shelf(path, "links")

    def fault(self, path: str, fault: Fault, *, times: int | None = None) -> Self:
        """Plan a fault for a path, or for all below it (`/whl/*`); planned ones happen one after the other."""
        with self._lock:
            self._faults.setdefault(path, []).append(_Planned(fault, times))
        return self

    def heal(self) -> Self:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()
        return self

    def require_login(self, path: str, user: str, password: str) -> Self:
        """Ask for a login for everything below a path."""
        self._logins[path] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self

    def seen(self, below: str = "/") -> list[Seen]:
        """List the requests that came in below a path, oldest first."""
        with self._lock:
            return [request for request in self._seen if request.path.startswith(below)]

    def forget_seen(self) -> None:
        with self._lock:
            self._seen.clear()

    def _shelf(self, path: str, style: str) -> Shelf:
        key = path.strip("/")
        return self._shelves.setdefault(key, Shelf(self, key, style))

    def note(self, path: str, headers: Mapping[str, str], status: int) -> None:
        with self._lock:
            self._seen.append(Seen(path, {name.lower(): value for name, value in headers.items()}, status))

    def next_fault(self, path: str) -> Fault | None:
        with self._lock:
            for pattern, planned in self._faults.items():
                if pattern != path and not (pattern.endswith("*") and path.startswith(pattern[:-1])):
                    continue
                for plan in planned:
                    if plan.left is None:
                        return plan.fault
                    if plan.left > 0:
                        plan.left -= 1
                        return plan.fault
        return None

    def refuses(self, path: str, authorization: str | None) -> bool:
        return any(path.startswith(below) and authorization != login for below, login in self._logins.items())

    def page(self, path: str, accept: str) -> tuple[bytes, str] | None:
        """Find what a path serves: a file, a page of a shelf, or a root listing."""
        if path in self.files:
            return self.files[path], "application/octet-stream"
        trimmed = path.strip("/")
        flat = self._shelves.get(trimmed)
        if flat is not None and flat.style == "links":
            return flat.html(), "text/html"
        parent, _, project = trimmed.rpartition("/")
        shelf = self._shelves.get(parent)
        if shelf is not None and path.endswith("/") and shelf.of(project):
            if shelf.style == "simple" and accept.startswith(_JSON):
                return shelf.json(project), _JSON
            return shelf.html(project), "text/html"
        if flat is not None:
            return _listing(flat.projects()), "text/html"
        return self._root_page(trimmed)

    def _root_page(self, path: str) -> tuple[bytes, str] | None:
        """Serve the root of the PyTorch layout: it lists projects, and its project pages the wheels of all variants."""
        below = [shelf for key, shelf in self._shelves.items() if shelf.style == "pytorch" and _parent(key) == path]
        if below:
            return _listing(sorted({project for shelf in below for project in shelf.projects()})), "text/html"
        root, _, project = path.rpartition("/")
        pages = [shelf for key, shelf in self._shelves.items() if shelf.style == "pytorch" and _parent(key) == root]
        content = b"\n".join(shelf.html(project) for shelf in pages if shelf.of(project))
        return (content, "text/html") if content else None

    def is_pytorch(self, path: str) -> bool:
        roots = {_parent(key) for key, shelf in self._shelves.items() if shelf.style == "pytorch"}
        return any(path.startswith(f"/{root}/") for root in roots)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _listing(names: Iterable[str]) -> bytes:
    links = "".join(f'<a href="{name}/">{name}</a><br/>\n' for name in names)
    return f"<!DOCTYPE html>\n<html><body>\n{links}</body></html>\n".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, index: WheelIndex) -> None:
        self.index = index
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what these tests are about."""

    def close_all(self) -> None:
        self.server_close()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in the base class
        """Keep the output of the tests clean."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        index, path = self.server.index, unquote(urlsplit(self.path).path)
        if index.refuses(path, self.headers.get("Authorization")):
            return self._answer(path, 401, b"", "text/plain", (("WWW-Authenticate", 'Basic realm="stubs"'),))
        index.arrived.append(path)
        fault = index.next_fault(path)
        if isinstance(fault, Slow):
            index.stopping.wait(fault.seconds)
        found = index.page(path, self.headers.get("Accept", ""))
        if fault is not None and not isinstance(fault, Slow):
            return self._fail(path, fault, found)
        if found is None:
            return self._answer(path, 403 if index.is_pytorch(path) else 404, b"", "text/plain")
        content, content_type = found
        headers = [("ETag", f'"{hashlib.sha256(content).hexdigest()[:16]}"'), ("Date", self.date_time_string())]
        if index.is_pytorch(path):
            headers.append(("Cache-Control", "no-cache,no-store,must-revalidate"))
        if self.headers.get("If-None-Match") == headers[0][1]:
            return self._answer(path, 304, b"", content_type, headers)
        if path.endswith("/") and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content, mtime=0)
            headers.append(("Content-Encoding", "gzip"))
        return self._answer(path, 200, content, content_type, headers)

    def _answer(
        self,
        path: str,
        status: int,
        content: bytes,
        content_type: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        length: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.server.index.note(path, dict(self.headers.items()), status)
        self.send_response_only(status, reason)
        self.send_header("Content-Type", content_type)
        if status != 304:
            self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _fail(self, path: str, fault: Fault, found: tuple[bytes, str] | None) -> None:
        content, content_type = found or (b"x" * 4096, "text/html")
        if isinstance(fault, Status):
            self._answer(path, fault.code, b"", "text/plain", fault.headers, reason=fault.reason)
        elif isinstance(fault, Redirect):
            target = fault.to if "://" in fault.to else self.server.index.url(fault.to)
            self._answer(path, fault.code, b"", "text/plain", (("Location", target),))
        elif isinstance(fault, Body):
            self._answer(path, 200, fault.content, fault.content_type, fault.headers)
        elif isinstance(fault, CutOff):
            self._answer(path, 200, content[: fault.after], content_type, length=len(content))
            self.close_connection = True
        elif isinstance(fault, Reset):
            self.server.index.note(path, dict(self.headers.items()), 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif isinstance(fault, Trickle):
            self._answer(path, 200, b"", content_type, length=len(content))
            for position in range(len(content)):
                if self.server.index.stopping.wait(fault.interval):
                    break
                self.wfile.write(content[position : position + 1])
            self.close_connection = True
