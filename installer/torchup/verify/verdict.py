"""The verdict over all checks, and the exit status that follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torchup.errors import ExitStatus
from torchup.model.outcome import Check, Verdict

# Whoever computes these bit for bit right computes; everything else is about how well.
PROOF = "exact-"


def verdict_of(checks: Iterable[Check]) -> Verdict:
    """Judge a run by its checks.

    `fail`: something computes wrongly, crashes, hangs or is not what was planned. `not-run`: nothing
    failed, but on some device no exact product was computed, so nothing is proved. `degraded`: proved,
    with a warning or with a check that could not run to its end. A skipped check never counts as passed.
    """
    checks = tuple(checks)
    if any(check.status in ("fail", "timeout") for check in checks):
        return "fail"
    tested = {check.gpu for check in checks if check.gpu is not None}
    proved = {check.gpu for check in checks if check.id.startswith(PROOF) and check.status == "pass"}
    if not proved or proved != tested:
        return "not-run"
    if any(check.status in ("warn", "error") for check in checks):
        return "degraded"
    return "pass"


def exit_status(verdict: Verdict, *, on_failure: Literal["fail", "warn"] = "fail") -> ExitStatus:
    """Give the exit status of a verdict; with `warn` a bad verdict is shown and changes nothing."""
    return ExitStatus.DONE if verdict == "pass" or on_failure == "warn" else ExitStatus.DEGRADED
