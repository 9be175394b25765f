"""The step that registers a signing key with Secure Boot."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from torchup.apply.change import Left, NoChange, Prepared, SystemChange
from torchup.apply.classify import failure
from torchup.apply.interrupts import CommandInterruptedError
from torchup.apply.system import OnLine, System
from torchup.errors import RefusedError, StepError
from torchup.model.plan import EnrollKey
from torchup.words import tr

_GUID = "605dab50-e046-4300-abb6-3dd810dd8b23"
ENROLLED = f"/sys/firmware/efi/efivars/MokListRT-{_GUID}"
ASKED_FOR = f"/sys/firmware/efi/efivars/MokNew-{_GUID}"


def prepare_key(step: EnrollKey, system: System) -> Prepared:
    """See whether the firmware knows the key, or will ask about it at the next start.

    A certificate is in those lists byte by byte (DER). A key that DKMS makes while the driver is installed
    is not there beforehand.
    """
    known = _known(step, system)
    if known is not None:
        return Prepared(change=NoChange(), detail=f"{step.key_path} {known}")
    return Prepared(
        change=SystemChange(undo_commands=step.undo_commands),
        detail=tr("{path} is asked about", path=step.key_path),
    )


def revert_key(step: EnrollKey, change: SystemChange, system: System) -> Left | None:
    """Tell how the key is forgotten, where the firmware knows it by now."""
    known = _known(step, system)
    if known is None:
        return None
    commands = tuple(shlex.join(command.argv) for command in change.undo_commands)
    return Left(
        text=tr(
            "The signing key {path} {state}. To have it forgotten, run as root:",
            path=step.key_path,
            state=known,
        ),
        diff=commands,
    )


def _known(step: EnrollKey, system: System) -> str | None:
    key = system.look(step.key_path).content
    for variable, text in ((ENROLLED, tr("is enrolled")), (ASKED_FOR, tr("is asked about at the next start"))):
        known = system.look(variable).content
        if key and known is not None and key in known:
            return text
    return None


def perform_key(step: EnrollKey, change: SystemChange, system: System, on_line: OnLine) -> SystemChange:
    """Ask the firmware to ask about the key."""
    for command in step.commands:
        if PurePath(command.argv[0]).name == "mokutil" and "--import" in command.argv:
            done = system.enroll(command, on_output=on_line)
        else:
            done = system.run(command, as_root=step.privilege == "root", on_output=on_line)
        if done.interrupted:
            raise CommandInterruptedError
        if done.returncode != 0:
            error = failure(step, command, done)
            raise StepError(
                error.message,
                code="key-not-enrolled",
                evidence=error.evidence,
                hint=tr("See `mokutil --list-new` and the signing key, {path}.", path=step.key_path),
            )
    return change


def needs_a_person(step: EnrollKey) -> RefusedError:
    """Say that nobody is there to read the password and to type it at the next start."""
    return RefusedError(
        tr("Secure Boot is on, and a signing key has to be confirmed by a person at the next start of the machine."),
        code="secure-boot-needs-person",
        evidence=(tr("the key is {path}", path=step.key_path),),
        hint=tr(
            "Run `torchup setup` on a terminal, with the machine's own screen or its remote console at hand; or choose a driver whose modules the distribution has signed."
        ),
    )
