"""Run a package manager's commands: kept from asking, waiting for its lock, failing with a cause."""

from __future__ import annotations

from collections.abc import Sequence

from torchup.apply.classify import failure
from torchup.apply.interrupts import CommandInterruptedError
from torchup.apply.package_commands import manager_of, quiet
from torchup.apply.package_failures import LOCK, package_cause, package_failure
from torchup.apply.system import NOTHING, Brings, Completed, OnLine, System
from torchup.model.plan import Command, Step

_LOCK_TRIES = 20


def run_quietly(
    step: Step, commands: Sequence[Command], system: System, on_line: OnLine, *, brings: Brings = NOTHING
) -> None:
    """Run a package manager's commands; one that meets a lock waits for it and is run again.

    Raises StepError, and CommandInterruptedError for one that the person stopped.
    """
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        done = _until_free(step, quiet(command), system, on_line, brings if last else NOTHING)
        if done.interrupted:
            raise CommandInterruptedError
        if done.returncode != 0:
            manager = manager_of(command.argv)
            raise package_failure(step, command, done, manager) if manager else failure(step, command, done)


def _until_free(step: Step, command: Command, system: System, on_line: OnLine, brings: Brings) -> Completed:
    # The lock was free a moment ago, or this command would not have been started: another program was quicker.
    for _ in range(_LOCK_TRIES):
        done = system.run(command, as_root=step.privilege == "root", brings=brings, on_output=on_line)
        found = package_cause(done.tail) if done.returncode != 0 and not done.interrupted else None
        if found is None or found.code != LOCK:
            break
    return done
