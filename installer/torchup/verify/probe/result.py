"""What a check says."""

from __future__ import annotations

from typing import Any, NamedTuple


class Result(NamedTuple):
    """What one check found; `value` and `threshold` are in `unit`, `hint` is the id of a cause."""

    status: str
    value: Any = None
    unit: str | None = None
    threshold: float | None = None
    detail: str = ""
    hint: str | None = None
    extra: dict[str, Any] | None = None


class Skip(Exception):  # noqa: N818 - it reports a reason, not an error
    """A check cannot run here; the message is the reason."""
