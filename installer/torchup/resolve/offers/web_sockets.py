"""Connections under a time limit: sockets that can be shut from outside, names looked up for a while only."""

from __future__ import annotations

import contextlib
import socket
import threading

from torchup.resolve.offers.transport import FetchError
from torchup.words import tr


class OpenSockets:
    """The sockets in use, so that all of them can be shut down from another thread at the deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.closed = False

    def add(self, connected: socket.socket | None) -> None:
        """Take note of a new connection; after `shut` it is shut at once."""
        if connected is None:
            return
        with self._lock:
            self._open = {one for one in self._open if one.fileno() != -1}
            self._open.add(connected)
            if self.closed:
                _shut(connected)

    def shut(self) -> None:
        """Shut all connections, now and from now on."""
        with self._lock:
            self.closed = True
            for one in self._open:
                _shut(one)


def _shut(one: socket.socket) -> None:
    # Already closed by its own thread: that is what was wanted.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_RDWR)


class HostNames:
    """Looks up each host's name once, within a time limit that the resolver itself does not have."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, str | None] = {}

    def check(self, host: str) -> None:
        """Raise FetchError when the name does not resolve."""
        with self._lock:
            lock = self._locks.setdefault(host, threading.Lock())
        with lock:
            if host not in self._known:
                self._known[host] = self._problem(host)
        problem = self._known[host]
        if problem is not None:
            raise FetchError("host", problem)

    def _problem(self, host: str) -> str | None:
        outcome: list[str | None] = []

        def look_up() -> None:
            try:
                socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                outcome.append(tr("could not resolve the name {host}", host=host))
            else:
                outcome.append(None)

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(self._limit_s)
        return (
            outcome[0]
            if outcome
            else tr("could not resolve the name {host} within {limit_s:g} s", host=host, limit_s=self._limit_s)
        )
