"""What a diagnosis found: the layers of a GPU set-up from the bus to the toolchain, and the causes in them."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from torchup.model.outcome import Report
from torchup.model.quick import dataclass

SCHEMA = 1

LayerName = Literal[
    "bus",
    "firmware",
    "kernel",
    "devices",
    "driver",
    "masks",
    "interpreter",
    "packages",
    "loader",
    "torch",
    "toolchain",
    "shell",
    "logs",
]
Severity = Literal["blocker", "degraded", "warn"]
LayerStatus = Literal["ok", "warn", "degraded", "blocker", "not-reached", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One cause that was recognised, with the lines that show it; `severity` None takes the catalogue's."""

    cause: str
    evidence: tuple[str, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """What was found in one layer; `detail` says what was looked at, or why it was not."""

    name: LayerName
    status: LayerStatus
    detail: str = ""
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All layers in order; `causes` explains every cause that was found, `report` is the tensor test where it ran."""

    schema: int = SCHEMA
    status: Literal["ok", "degraded", "blocked"]
    python: str | None = None
    chosen_by: str | None = None
    layers: tuple[LayerResult, ...]
    causes: dict[str, Any] = field(default_factory=dict)
    report: Report | None = None
