"""How a run ended, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torchup.apply.change import Change
from torchup.errors import ExitStatus
from torchup.model.outcome import Outcome, Report
from torchup.model.plan import Verify

RunStatus = Literal["done", "restart-needed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The outcome of every step that was reached, and the report of the tensor test where it ran.

    `changes` has what the journal keeps of each step, by its id: what was there before, and what is there now.
    `journal` is the file that keeps the run; None when nothing was to be done, or in a dry run.
    """

    outcomes: tuple[Outcome, ...]
    changes: Mapping[str, Change] = field(default_factory=dict)
    status: RunStatus = "done"
    report: Report | None = None
    verify: Verify | None = None
    journal: Path | None = None

    @property
    def changed(self) -> bool:
        """Tell whether any step changed anything."""
        return any(outcome.status == "changed" for outcome in self.outcomes)

    @property
    def exit_status(self) -> ExitStatus:
        """Give the exit code that this end stands for (DESIGN section 3)."""
        if self.status == "restart-needed":
            return ExitStatus.REBOOT_NEEDED
        strict = self.verify is None or self.verify.on_failure == "fail"
        if self.report is not None and self.report.verdict in ("fail", "degraded", "not-run") and strict:
            return ExitStatus.DEGRADED
        return ExitStatus.DONE
