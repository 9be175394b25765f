"""Every error that torchup reports to a person.

    TorchupError
    ├── UsageError        exit 2   bad arguments, answers or facts file
    ├── StepError         exit 1   a step failed and its changes were rolled back
    ├── StoppedError      exit 5   stopped, some changes remain; the journal says which
    ├── RefusedError      exit 6   no terminal, no privilege, unsupported system, another run
    ├── NoSolutionError   exit 7   no compatible set-up, or an action is needed first
    └── InterruptError    exit 130 the user stopped it

An error says what happened in one sentence, shows the evidence, and tells what to do.
They are raised anywhere and printed in one place (`torchup.ui.console`). `code` is stable:
scripts may key on it, and `docs/reference/errors.md` lists every one.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitStatus(IntEnum):
    """The documented exit codes of every torchup command (DESIGN section 3)."""

    DONE = 0
    FAILED_ROLLED_BACK = 1
    USAGE = 2
    REBOOT_NEEDED = 3
    DEGRADED = 4
    STOPPED_CHANGES_REMAIN = 5
    REFUSED = 6
    NO_SOLUTION = 7
    CHANGES_FOUND = 10
    INTERRUPTED = 130
    TERMINATED = 143


class TorchupError(Exception):
    """A problem that a person can understand and act on.

    `message` is one sentence, `evidence` the lines that show it, `hint` what to do next
    (it may hold a command). `code` is a stable kebab-case identifier.
    """

    exit_status = ExitStatus.FAILED_ROLLED_BACK

    def __init__(
        self,
        message: str,
        *,
        code: str,
        evidence: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.evidence = tuple(evidence)
        self.hint = hint


class UsageError(TorchupError):
    """Arguments, an answers file or a facts file that cannot be used."""

    exit_status = ExitStatus.USAGE


class StepError(TorchupError):
    """A step failed, and what it had changed was put back."""

    exit_status = ExitStatus.FAILED_ROLLED_BACK


class StoppedError(TorchupError):
    """A run stopped and left some changes, which the journal lists."""

    exit_status = ExitStatus.STOPPED_CHANGES_REMAIN


class RefusedError(TorchupError):
    """torchup declines to act here: no terminal, no privilege, or an unsupported system."""

    exit_status = ExitStatus.REFUSED


class NoSolutionError(TorchupError):
    """Nothing fits, or something has to be done before anything fits."""

    exit_status = ExitStatus.NO_SOLUTION


class InterruptError(TorchupError):
    """The person stopped the run; `exit_status` tells by which signal."""

    exit_status = ExitStatus.INTERRUPTED
