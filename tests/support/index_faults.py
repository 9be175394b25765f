"""Ways in which an index can fail to answer as it should, for `WheelIndex.fault`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """Answer with a status and nothing else; `headers` may add a Retry-After, `reason` replaces the usual phrase."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Slow:
    """Wait before answering."""

    seconds: float


@dataclass(frozen=True)
class Trickle:
    """Send the page one byte at a time."""

    interval: float = 0.05


@dataclass(frozen=True)
class CutOff:
    """Announce the whole page, send its first bytes, and close the connection."""

    after: int = 40


@dataclass(frozen=True)
class Reset:
    """Reset the connection without an answer."""


@dataclass(frozen=True)
class Redirect:
    """Redirect to another path of this server, or to a URL."""

    to: str
    code: int = 302


@dataclass(frozen=True)
class Body:
    """Answer 200 with something else: a captive portal, half a page, a wrong type, a huge page."""

    content: bytes
    content_type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()


Fault = Status | Slow | Trickle | CutOff | Reset | Redirect | Body
