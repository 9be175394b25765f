"""What fetching means to the rest of this folder, without any HTTP library: requests is imported in `web`."""

from __future__ import annotations

import time
from typing import Literal, Protocol

from torchup.model.quick import dataclass
from torchup.words import tr

FaultKind = Literal["missing", "host", "page", "offline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much a look-up may take, in seconds and bytes.

    `total_s` bounds everything together: a server that sends a byte now and then never exceeds a read
    limit. `redirects` and `retries` are per page.
    """

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 30.0
    page_bytes: int = 16 * 1024 * 1024
    redirects: int = 5
    retries: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a server called the state of a page, to ask it later whether the page is still the same.

    `url` is where the page came from, redirects followed: elsewhere the same words may mean another page.
    """

    url: str
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The body of a good answer and the URL it came from, redirects followed; `stamp` where it can be asked for again."""

    content: bytes
    content_type: str | None
    url: str
    stamp: Stamp | None


class FetchError(Exception):
    """Why a page could not be had.

    `kind` is `missing` (the server says there is no such page), `host` (nothing else need be asked of this
    server), `page` (other pages may do better) or `offline`. `detail` fits into brackets: "could not resolve ...".
    `status` is that of the HTTP answer where there was one. `moved` says that the server itself answered, and the one
    to which it redirected is at fault.
    """

    def __init__(self, kind: FaultKind, detail: str, *, status: int | None = None, moved: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.moved = moved
        self.kind: FaultKind = kind
        self.detail = detail


class Transport(Protocol):
    """Fetches pages; safe to use from several threads."""

    def get(self, url: str, known: Stamp | None) -> Answer | None:
        """Fetch a page; None says that it is still the one that is known. Raises FetchError."""

    def abort(self) -> None:
        """End all transfers at once; their callers get a FetchError."""

    def close(self) -> None:
        """Give connections back after use."""


class Deadline:
    """The moment at which a look-up has to be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left <= 0.0

    def fault(self) -> FetchError:
        """Build the fault that says so."""
        return FetchError("host", tr("did not finish within {seconds:g} s", seconds=self.seconds))
