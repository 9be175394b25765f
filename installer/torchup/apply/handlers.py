"""What each kind of step does: prepare, perform, take back. The one place that knows every kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import assert_never

from torchup.apply import (
    download_steps,
    environment_steps,
    environment_undo,
    file_steps,
    key_steps,
    link_steps,
    lock_steps,
    package_steps,
    setting_steps,
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
    TakenBack,
    VariableChange,
)
from torchup.apply.environment_undo import Undoing
from torchup.apply.system import System
from torchup.errors import TorchupError
from torchup.model.plan import (
    AddRepository,
    CheckDriver,
    CreateEnvironment,
    Download,
    EditManagedBlock,
    EnrollKey,
    HoldPackages,
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
    off, `earlier` what that one was about to change, and `kept` what it kept of the package manager's state
    before it. `run` is the run's number. `asked_in` is the start of the machine in which this run already asked
    for a restart. `later` are the steps that come after this one.
    """

    made: Collection[str] = field(default_factory=frozenset)
    again: bool = False
    earlier: Change | None = None
    kept: bytes | None = None
    run: str = ""
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
            return environment_steps.prepare_packages(
                step, system, made=situation.made, again=situation.again, earlier=situation.earlier
            )
        case WriteLock():
            return lock_steps.prepare_lock(step, system)
        case Download():
            return download_steps.prepare_download(step, system)
        case InstallSystemPackages():
            return package_steps.prepare_system_packages(step, system, again=situation.again, kept=situation.kept)
        case AddRepository():
            return setting_steps.prepare_repository(step, system, later=situation.later, kept=situation.kept)
        case HoldPackages():
            return setting_steps.prepare_hold(step, system, kept=situation.kept)
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
            mode = step.mode if isinstance(step, MakeDirectory) else 0o755
            return file_steps.perform_directory(change, mode, system, situation.earlier)
        case LinkChange():
            system.make_link(change.path, change.target)
            return change
        case VariableChange():
            system.write_variable(change.name, change.after)
            return change
        case EnvironmentChange() if isinstance(step, CreateEnvironment):
            return environment_steps.perform_environment(step, change, system, on_line, run=situation.run)
        case PackagesChange() if isinstance(step, InstallPackages):
            return environment_steps.perform_packages(step, change, system, on_line, again=situation.again)
        case LockChange() if isinstance(step, WriteLock):
            return lock_steps.perform_lock(step, change, system, on_line)
        case SystemChange() if isinstance(step, InstallSystemPackages):
            return package_steps.perform_system_packages(step, prepared, change, system, on_line, again=situation.again)
        case SystemChange() if isinstance(step, AddRepository):
            return setting_steps.perform_repository(step, prepared, change, system, on_line)
        case SystemChange() if isinstance(step, HoldPackages):
            return setting_steps.perform_hold(step, prepared, change, system, on_line)
        case SystemChange() if isinstance(step, EnrollKey):
            return key_steps.perform_key(step, change, system, on_line)
        case _:
            raise AssertionError(f"{step.kind} prepared {change.kind}")


def revert(
    step: Step,
    change: Change,
    system: System,
    backups: Backups,
    on_line: Callable[[str], None],
    run: Undoing,
) -> TakenBack:
    """Take a change back, whole or half done; tell what became of it, and what has to be left as it is and why.

    What lies in an environment of the same run is left alone where another folder has taken its place.
    """
    if step.privilege == "root":
        system = system.as_root()
    try:
        if (problem := _lost_environment(change, run, system)) is not None:
            return TakenBack(left=Left(text=problem))
        match change:
            case NoChange() | RestartChange():
                return TakenBack()
            case DirectoryChange():
                return file_steps.revert_directories(change, system)
            case EnvironmentChange():
                return environment_undo.revert_environment(change, run, system)
            case PackagesChange() if isinstance(step, InstallPackages):
                return environment_undo.revert_packages(step, change, system, on_line)
            case _:
                left = _revert_single(step, change, system, backups, on_line, run)
    except TorchupError as error:
        return TakenBack(left=Left(text=error.message, diff=error.evidence))
    except OSError as error:  # of a folder that cannot be looked through, say: the other steps go on
        return TakenBack(left=Left(text=str(error)))
    if left is not None:
        return TakenBack(left=left)
    before, places = _places(change)
    return TakenBack(restored=places) if before else TakenBack(removed=places)


def _revert_single(
    step: Step, change: Change, system: System, backups: Backups, on_line: Callable[[str], None], run: Undoing
) -> Left | None:
    match change:
        case FileChange():
            return file_steps.revert_file(change, system, backups, block=isinstance(step, EditManagedBlock))
        case LinkChange():
            return link_steps.revert_link(change, system)
        case VariableChange():
            return user_variables.revert_variable(change, system)
        case SystemChange() if isinstance(step, InstallSystemPackages):
            leaving = package_steps.brought_by(other for _, other in run.changes)
            return package_steps.revert_system_packages(step, change, system, backups, on_line, leaving=leaving)
        case LockChange():
            return lock_steps.revert_lock(change, system, backups)
        case SystemChange() if isinstance(step, EnrollKey):
            return key_steps.revert_key(step, change, system)
        case SystemChange():
            return setting_steps.revert_settings(step, change, system, backups)
        case _:
            raise AssertionError(f"{step.kind} does not make {change.kind}")


def _places(change: Change) -> tuple[bool, tuple[str, ...]]:
    """Tell whether something was there before, and name what the change is about."""
    match change:
        case FileChange():
            return change.before_sha256 is not None, (change.path,)
        case LinkChange():
            return False, (change.path,)
        case VariableChange():
            return change.before is not None, (change.name,)
        case LockChange():
            return any(change.before.values()), tuple(change.before)
        case _:
            return False, ()


def _lost_environment(change: Change, run: Undoing, system: System) -> str | None:
    for path in _places(change)[1]:
        around = run.environment_around(path)
        if around is not None and system.look(around.path).kind != "absent":
            return system.another_folder(around.path, around.folder, around.run)
    return None
