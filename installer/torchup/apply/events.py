"""What a run tells while it goes on; `ui` turns these into lines, bars or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torchup.model.outcome import Outcome, Report
from torchup.model.plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins; `number` counts from 1 to `total`."""

    step: Step
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """A line that a step's program printed, credentials taken out."""

    step: Step
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step ended."""

    step: Step
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The tensor test ended."""

    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStarted:
    """A step's changes are about to be put back, in a rollback or an undo."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFinished:
    """A step's changes were put back, or could not be: `left` then says what remains and why."""

    step: Step
    left: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWait:
    """A package manager's lock is held by `holder`; torchup has waited for `seconds`. Comes once a second."""

    holder: str
    path: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The person asked to stop once; with `finishes` the program that runs now ends its work first."""

    program: str
    finishes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPassword:
    """The one-time password that the person types at the next start; it is shown and kept nowhere."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloading:
    """How far the running step's downloads are, in bytes; `total` grows as more of them are known."""

    received: int
    total: int


Event = (
    StepStarted
    | StepOutput
    | StepFinished
    | Verified
    | UndoStarted
    | UndoFinished
    | LockWait
    | Stopping
    | KeyPassword
    | Downloading
)
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take no notice of an event."""
    del event
