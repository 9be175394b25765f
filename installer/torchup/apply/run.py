"""Apply, resume and undo as the program does them: locked, journalled, stoppable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from torchup.apply.atomic_write import FileWriter
from torchup.apply.backups import Backups
from torchup.apply.change import FileChange
from torchup.apply.driver_check import DriverChecker
from torchup.apply.events import OnEvent, ignore
from torchup.apply.executor import Verifier, execute
from torchup.apply.history import RunRecord, read_runs, undoable_runs
from torchup.apply.interrupts import Interrupts
from torchup.apply.journal import Journal
from torchup.apply.key_steps import needs_a_person, prepare_key
from torchup.apply.lock import run_lock
from torchup.apply.orphans import ChildNote
from torchup.apply.private_files import sweep
from torchup.apply.privilege import Elevation, find_elevation
from torchup.apply.prune import prune_backups
from torchup.apply.real_system import RealSystem
from torchup.apply.recording_system import RecordingSystem
from torchup.apply.result import RunResult
from torchup.apply.resume import mend
from torchup.apply.system import MachineView, System
from torchup.apply.undo import UndoResult, undo
from torchup.apply.unseen_system import unseen_system
from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.offer import IndexSettings
from torchup.model.outcome import Outcome
from torchup.model.plan import (
    Download,
    EditManagedBlock,
    EnrollKey,
    MakeDirectory,
    Plan,
    Reboot,
    RemoveFile,
    Step,
    WriteFile,
)
from torchup.private_folders import sweep_temporary_folders
from torchup.words import mark, tr

FILE_STEPS = (Download, EditManagedBlock, MakeDirectory, RemoveFile, WriteFile)
"""The steps whose undo changes files, as root where the step did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The real machine of one command, and the way to stop work on it.

    `secrets` are variables with credentials, for children only. `attended` says that somebody is there
    who can type a password, and confirm a key at the next start. `web` gives proxy and certificates for
    downloads.
    """

    context: Context
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    attended: bool = False
    web: Callable[[], IndexSettings] = IndexSettings

    def system(self, interrupts: Interrupts | None = None, on_event: OnEvent = ignore) -> RealSystem:
        """Give the real system: it writes below the context's root and logs what children print."""
        places = self.context.places
        return RealSystem(
            writer=FileWriter(backups=Backups(places.backups)),
            environ=self.context.environ,
            root=self.context.root,
            secrets=self.secrets,
            interrupts=interrupts or Interrupts(),
            elevation=self._elevation,
            log=places.log / f"{self.context.now():%Y-%m-%d}.log",
            child_note=ChildNote(places.state / "child.json"),
            on_event=on_event,
            watch_downloads=self.context.terminal.stderr_is_terminal and not self.context.terminal.plain,
            web=self.web,
        )

    def _elevation(self) -> Elevation:
        return find_elevation(attended=self.attended, environ=self.context.environ)

    @contextmanager
    def authorised(self, steps: Iterable[Step]) -> Iterator[None]:
        """Ask for root before anything is changed, when one of these steps needs it, and keep it till the end.

        Raises RefusedError, also where Secure Boot needs a person and none is there.
        """
        steps = tuple(steps)
        for step in steps:
            if isinstance(step, EnrollKey) and not self.attended and not prepare_key(step, self.system()).unchanged:
                raise needs_a_person(step)
        if not any(step.privilege == "root" and not isinstance(step, Reboot) for step in steps):
            yield
            return
        elevation = self._elevation()
        elevation.authorise()
        with elevation.kept_fresh():
            yield


def predict(plan: Plan, machine: Machine, *, elsewhere: bool = False) -> tuple[Outcome, ...]:
    """Tell what every step would do, without doing it; raises what apply would raise at once.

    With `elsewhere` the plan is for another machine, of which nothing but the facts is known.
    """
    return _predicted(plan, base_of(plan, machine, elsewhere=elsewhere), machine.context).outcomes


def base_of(plan: Plan, machine: Machine, *, elsewhere: bool) -> MachineView:
    """Give what a dry run looks at: this machine, or an unseen one in place of another."""
    return unseen_system(plan, machine.context) if elsewhere else machine.system()


def apply_plan(
    plan: Plan,
    machine: Machine,
    *,
    verifier: Verifier | None,
    on_event: OnEvent = ignore,
    driver_checker: DriverChecker | None = None,
) -> RunResult:
    """Carry out a plan, alone in this account.

    With nothing to do nothing is written, not even a journal. Raises RefusedError (another-run,
    unfinished-run), and what `execute` raises.
    """
    context = machine.context
    with _alone(machine):
        _refuse_unfinished(context)
        with Interrupts() as interrupts:
            system = machine.system(interrupts, on_event)
            predicted = _predicted(plan, system, context)
            if not predicted.changed:
                return _run_dry(plan, system, context, verifier, on_event, interrupts, driver_checker)
            with machine.authorised(_changing(plan, predicted)):
                journal = Journal.create(context, plan)
                return execute(
                    plan,
                    system,
                    journal=journal,
                    context=context,
                    verifier=verifier,
                    on_event=on_event,
                    interrupts=interrupts,
                    driver_checker=driver_checker,
                )


def open_run(context: Context) -> RunRecord:
    """Find the run that waits to be gone on with. Raises RefusedError (nothing-to-resume)."""
    run = next((run for run in read_runs(context) if run.is_open), None)
    if run is None:
        raise RefusedError(
            tr("No run of torchup is open, so there is nothing to go on with."),
            code="nothing-to-resume",
            hint=tr("`torchup setup` starts a run, `torchup status` shows the last one."),
        )
    _refuse_moved_home(run, context)
    return run


def resume_run(
    machine: Machine,
    *,
    verifier: Verifier | None,
    on_event: OnEvent = ignore,
    driver_checker: DriverChecker | None = None,
) -> RunResult:
    """Go on with the last run. Raises RefusedError (nothing-to-resume), and what `execute` raises."""
    context = machine.context
    with _alone(machine), Interrupts() as interrupts:
        run = open_run(context)
        system = machine.system(interrupts, on_event)
        with machine.authorised(step for step in run.plan.steps if not run.is_done(step.id)):
            journal = Journal.reopen(context, run.path)
            mend(run, system, context)
            return execute(
                run.plan,
                system,
                journal=journal,
                context=context,
                verifier=verifier,
                on_event=on_event,
                interrupts=interrupts,
                earlier=run.steps,
                driver_checker=driver_checker,
            )


def undo_run(machine: Machine, *, dry_run: bool = False, on_event: OnEvent = ignore) -> UndoResult:
    """Put back what the last run that has changes left. Raises RefusedError (nothing-to-undo)."""
    context = machine.context
    if dry_run:
        system: System = RecordingSystem(base=machine.system())
        return undo(_undoable(context), system, context=context, journal=None, on_event=on_event)
    _undoable(context)  # where there is nothing to undo, nothing need be writable either
    with _alone(machine), Interrupts() as interrupts:
        run = _undoable(context)
        files = (step for step in run.plan.steps if _remains(run, step) and isinstance(step, FILE_STEPS))
        with machine.authorised(files):
            journal = Journal.reopen(context, run.path)
            return undo(
                run,
                machine.system(interrupts, on_event),
                context=context,
                journal=journal,
                on_event=on_event,
                interrupts=interrupts,
            )


def _changing(plan: Plan, predicted: RunResult) -> tuple[Step, ...]:
    changed = {outcome.step_id for outcome in predicted.outcomes if outcome.status == "changed"}
    return tuple(step for step in plan.steps if step.id in changed)


def _remains(run: RunRecord, step: Step) -> bool:
    record = run.steps.get(step.id)
    return record is not None and record.remains


def _predicted(plan: Plan, system: MachineView, context: Context) -> RunResult:
    return execute(plan, RecordingSystem(base=system), journal=None, context=context, verifier=None)


def _run_dry(
    plan: Plan,
    system: System,
    context: Context,
    verifier: Verifier | None,
    on_event: OnEvent,
    interrupts: Interrupts,
    driver_checker: DriverChecker | None,
) -> RunResult:
    """Report a plan with nothing to do, and test all the same; over the recording system nothing can change."""
    recording = RecordingSystem(base=system)
    return execute(
        plan,
        recording,
        journal=None,
        context=context,
        verifier=verifier,
        on_event=on_event,
        interrupts=interrupts,
        driver_checker=driver_checker,
    )


@contextmanager
def _alone(machine: Machine) -> Iterator[None]:
    """Hold the lock, end what a run that was killed left behind, and drop the backups that nothing needs."""
    with run_lock(machine.context):
        ChildNote(machine.context.places.state / "child.json").end_orphan()
        _clean(machine)
        try:
            yield
        finally:
            prune_backups(machine.context)


def _clean(machine: Machine) -> None:
    """Remove temporary files that earlier runs left: our own, and beside the files of the run before this one."""
    places = machine.context.places
    sweep_temporary_folders()
    for folder in (places.state, places.journal):
        sweep(folder)
    # Other commands fill the cache without the lock, so only what no command can still be writing goes.
    sweep(places.cache, "**/.new-*", older_than_seconds=3600)
    with suppress(RefusedError):
        system = machine.system()
        for run in read_runs(machine.context)[:1]:
            for record in run.steps.values():
                if isinstance(record.change, FileChange):
                    system.clean(record.change.path)


def _refuse_unfinished(context: Context) -> None:
    run = next((run for run in read_runs(context) if run.is_open and run.has_changes), None)
    if run is None:
        return
    states = {
        None: mark("was cut off"),
        "interrupted": mark("was interrupted"),
        "reboot": mark("waits for a restart of the machine"),
        "stopped": mark("stopped half-way"),
    }
    raise RefusedError(
        tr("An earlier run {state}, and what it changed is still there.", state=tr(states[run.status])),
        code="unfinished-run",
        evidence=(tr("run {run}: {path}", run=run.run, path=run.path),),
        hint=tr(
            "`torchup resume` goes on with it, `torchup undo` puts back what it changed, `torchup status` shows it."
        ),
    )


def _refuse_moved_home(run: RunRecord, context: Context) -> None:
    """Refuse where nothing can be found: what is not at its path would count as taken back, and be forgotten."""
    if run.home is None or run.home == str(context.home) or context.below_root(Path(run.home)).exists():
        return
    raise RefusedError(
        tr(
            "The home has moved: that run changed files in {then}, which is not there, and the home is {now}.",
            then=run.home,
            now=context.home,
        ),
        code="home-moved",
        evidence=(tr("run {run}: {path}", run=run.run, path=run.path),),
        hint=tr(
            "Move it back to {then} and give that as HOME, then run this again. What the run changed is listed by `torchup status`.",
            then=run.home,
        ),
    )


def _undoable(context: Context) -> RunRecord:
    for run in undoable_runs(context):
        _refuse_moved_home(run, context)
        return run
    raise RefusedError(
        tr("There is nothing to undo: no run of torchup has changes that are still there."),
        code="nothing-to-undo",
        hint=tr("`torchup status` shows the last run."),
    )
