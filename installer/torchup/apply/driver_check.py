"""What is said about the driver that the kernel has loaded; looking at it is injected, for detection is not ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torchup.errors import StoppedError
from torchup.model.plan import CheckDriver
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverVerdict:
    """Whether the loaded driver is the planned one; `code` names the cause where it is not.

    `text` is one sentence, `evidence` what was seen, `hint` what to do before `torchup resume`.
    """

    ok: bool
    text: str
    code: str = ""
    evidence: tuple[str, ...] = ()
    hint: str = ""


DriverChecker = Callable[[CheckDriver], DriverVerdict]


def not_as_planned(verdict: DriverVerdict) -> StoppedError:
    """Give the error that stops a run: what was done stays, and `torchup resume` looks again."""
    return StoppedError(
        verdict.text,
        code=verdict.code,
        evidence=verdict.evidence,
        hint=tr("{hint} Then `torchup resume` goes on.", hint=verdict.hint).strip(),
    )
