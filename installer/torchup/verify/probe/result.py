"""What a check says."""

from __future__ import annotations

from typing import Any, NamedTuple

from .sentences import mark


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
    """A check cannot run here; what it is raised with is the reason."""


# Units that are words, for whoever shows a report in another language; in a report they are the same everywhere.
UNITS = (
    *(mark("wrong elements"), mark("wrong words"), mark("wrong sums"), mark("wrong results"), mark("wrong replays")),
    *(mark("wrong operations"), mark("wrong pairs"), mark("wrong products"), mark("different runs"), mark("pairs")),
    *(mark("not finite"), mark("relative"), mark("roundings"), mark("x allowed"), mark("sigma"), mark("loss")),
    *(mark("accuracy"), mark("spread"), mark("of samples"), mark("kernels"), mark("packages"), mark("GPUs")),
)
