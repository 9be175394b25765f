"""What happened: outcomes of steps, and the report of a verification (DESIGN section 4.4)."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from torchup.model.quick import dataclass
from torchup.words import retell

SCHEMA = 1

StepStatus = Literal["changed", "unchanged", "failed", "skipped", "undone"]
CheckStatus = Literal["pass", "fail", "warn", "skip", "error", "timeout"]
Verdict = Literal["pass", "degraded", "fail", "not-run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one step ended; `detail` is a sentence for a person."""

    step_id: str
    status: StepStatus
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of the tensor test or of the shells.

    `gpu` is the device it ran on (`cuda:0`), None where that has no meaning. `value` and `threshold`
    are in `unit`. `hint` says what to do, or names a cause. `reached` is false where an earlier check
    kept this one from being tried; `detail` is then the reason.

    `detail` is English where the tensor test wrote it. `said` is how it was made, for `sentence`; None
    where `detail` is all there is.
    """

    id: str
    level: Literal["quick", "standard", "full"] = "quick"
    gpu: str | None = None
    status: CheckStatus
    value: float | str | None = None
    unit: str | None = None
    threshold: float | None = None
    seconds: float = 0.0
    detail: str = ""
    hint: str | None = None
    reached: bool = True
    said: dict[str, Any] | None = None

    def sentence(self) -> str:
        """Give `detail` in the language of the run."""
        if self.said is None:
            return self.detail
        try:
            return retell(self.said)
        except (AttributeError, LookupError, ValueError):
            return self.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All checks of one verification and the verdict that follows from them.

    `warnings` are sentences that a reader must see first, whatever the verdict.
    """

    schema: int = SCHEMA
    verdict: Verdict
    warnings: tuple[str, ...] = ()
    python: str
    level: str
    torch_version: str | None = None
    variant: str | None = None
    devices: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...]
