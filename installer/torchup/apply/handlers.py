"""What each kind of step does: prepare, perform, take back. The one place that knows every kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import assert_never

from torchup.apply import (
    download_steps,
    environment_steps,
    file_steps,
    key_steps,
    link_steps,
    lock_steps,
    package_steps,
    user_variables,
)
from torchup.apply.backups import Backups
from torchup.apply.change import (
    Change,
    DirectoryChange,
    EnvironmentChange,
    FileChange,
    Left,
    LinkChange,
    LockChange,
    NoChange,
    PackagesChange,
    Prepared,
    RestartChange,
    SystemChange,
    VariableChange,
)
from torchup.apply.system import System
from torchup.errors import TorchupError
from torchup.model.plan import (
    AddRepository,
    CheckDriver,
    CreateEnvironment,
    Download,
    EditManagedBlock,
    EnrollKey,
    InstallPackages,
    InstallSystemPackages,
    MakeDirectory,
    MakeLink,
    Reboot,
    RemoveFile,
    SetUserVariable,
    Step,
    Verify,
    WriteFile,
    WriteLock,
)
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a step has to know about the run it is in.

    `made` are the environments that this run makes. `again` says that an earlier try of the step was cut
    off. `asked_in` is the start of the machine in which this run already asked for a restart. `later` are
    the steps that come after this one.
    """

    made: Collection[str] = field(default_factory=frozenset)
    again: bool = False
    asked_in: str | None = None
    later: tuple[Step, ...] = ()


def prepare(step: Step, system: System, situation: Situation) -> Prepared:  # noqa: PLR0912 - one case per kind
    """Work out what a step is about to do, without doing it.

    Raises StepError or RefusedError where what it finds does not allow it.
    """
    if step.privilege == "root":
        system = system.as_root()
    match step:
        case MakeDirectory():
            return file_steps.prepare_directory(step, system)
        case WriteFile():
            return file_steps.prepare_write(step, system)
        case RemoveFile():
            return file_steps.prepare_remove(step, system)
        case MakeLink():
            return link_steps.prepare_link(step, system)
        case EditManagedBlock():
            return file_steps.prepare_block(step, system)
        case SetUserVariable():
            return user_variables.prepare_variable(step, system)
        case CreateEnvironment():
            return environment_steps.prepare_environment(step, system)
        case InstallPackages():
            return environment_steps.prepare_packages(step, system, made=situation.made, again=situation.again)
        case WriteLock():
            return lock_steps.prepare_lock(step, system)
        case Download():
            return download_steps.prepare_download(step, system)
        case InstallSystemPackages():
            return package_steps.prepare_system_packages(step, system, again=situation.again)
        case AddRepository():
            return package_steps.prepare_repository(step, system, later=situation.later)
        case EnrollKey():
            return key_steps.prepare_key(step, system)
        case Reboot():
            now = system.boot_id()
            if situation.asked_in is not None and situation.asked_in != now:
                return Prepared(change=NoChange(), detail=tr("the machine was restarted"))
            return Prepared(change=RestartChange(boot_id=now), detail=tr("the machine has to be restarted"))
        case Verify() | CheckDriver():
            return Prepared(change=NoChange(), detail="")
        case _:
            assert_never(step)


def perform(  # noqa: PLR0912 - one case per kind
    step: Step, prepared: Prepared, system: System, situation: Situation, on_line: Callable[[str], None]
) -> Change:
    """Do what was prepared and tell what changed. Raises StepError, or CommandInterruptedError."""
    change = prepared.change
    if step.privilege == "root":
        system = system.as_root()
    match change:
        case NoChange() | RestartChange():
            return change
        case FileChange() if isinstance(step, Download):
            return download_steps.perform_download(step, change, system, on_line)
        case FileChange():
            return file_steps.perform_file(prepared, system)
        case DirectoryChange():
            made = system.make_directory(change.paths[-1], step.mode if isinstance(step, MakeDirectory) else 0o755)
            return DirectoryChange(paths=made)
        case LinkChange():
            system.make_link(change.path, change.target)
            return change
        case VariableChange():
            system.write_variable(change.name, change.after)
            return change
        case EnvironmentChange() if isinstance(step, CreateEnvironment):
            environment_steps.perform_environment(step, system, on_line)
            return change
        case PackagesChange() if isinstance(step, InstallPackages):
            return environment_steps.perform_packages(step, change, system, on_line, again=situation.again)
        case LockChange() if isinstance(step, WriteLock):
            return lock_steps.perform_lock(step, change, system, on_line)
        case SystemChange() if isinstance(step, InstallSystemPackages):
            return package_steps.perform_system_packages(step, change, system, on_line, again=situation.again)
        case SystemChange() if isinstance(step, AddRepository):
            return package_steps.perform_repository(step, change, system, on_line)
        case SystemChange() if isinstance(step, EnrollKey):
            return key_steps.perform_key(step, change, system, on_line)
        case _:
            raise AssertionError(f"{step.kind} prepared {change.kind}")


def revert(  # noqa: PLR0912 - one case per kind
    step: Step, change: Change, system: System, backups: Backups, on_line: Callable[[str], None]
) -> Left | None:
    """Take a change back, whole or half done; tell what has to be left as it is, and why."""
    if step.privilege == "root":
        system = system.as_root()
    try:
        match change:
            case NoChange() | RestartChange():
                return None
            case FileChange():
                return file_steps.revert_file(change, system, backups, block=isinstance(step, EditManagedBlock))
            case DirectoryChange():
                file_steps.revert_directories(change, system)
                return None
            case LinkChange():
                return link_steps.revert_link(change, system)
            case VariableChange():
                return user_variables.revert_variable(change, system)
            case EnvironmentChange():
                return environment_steps.revert_environment(change, system)
            case PackagesChange() if isinstance(step, InstallPackages):
                return environment_steps.revert_packages(step, change, system, on_line)
            case SystemChange() if isinstance(step, InstallSystemPackages):
                return package_steps.revert_system_packages(step, change, system, backups)
            case LockChange():
                return lock_steps.revert_lock(change, system, backups)
            case SystemChange() if isinstance(step, EnrollKey):
                return key_steps.revert_key(step, change, system)
            case SystemChange():
                return package_steps.by_hand(step, change)
            case _:
                raise AssertionError(f"{step.kind} does not make {change.kind}")
    except TorchupError as error:
        return Left(text=error.message, diff=error.evidence)
