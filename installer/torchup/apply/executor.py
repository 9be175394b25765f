"""Carry out a plan, step by step: dry over the recording system, or for real with a journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from torchup.apply.change import (
    Change,
    EnvironmentChange,
    Left,
    LockChange,
    NoChange,
    PackagesChange,
    Prepared,
    RestartChange,
    Span,
    SystemChange,
    is_change,
)
from torchup.apply.driver_check import DriverChecker, not_as_planned
from torchup.apply.environment_undo import Undoing
from torchup.apply.events import (
    OnEvent,
    StepFinished,
    StepOutput,
    StepStarted,
    UndoFinished,
    UndoStarted,
    Verified,
    ignore,
)
from torchup.apply.handlers import Situation, perform, prepare, revert
from torchup.apply.history import StepRecord
from torchup.apply.interrupts import CommandInterruptedError, Interrupts
from torchup.apply.journal import Journal
from torchup.apply.package_commands import MEND
from torchup.apply.result import RunResult, RunStatus
from torchup.apply.system import System
from torchup.apply.write_errors import explain
from torchup.errors import StepError, StoppedError, TorchupError
from torchup.model.context import Context
from torchup.model.outcome import Outcome, Report
from torchup.model.plan import CheckDriver, InstallSystemPackages, Plan, Reboot, Step, Verify
from torchup.words import tr

Verifier = Callable[[Verify], Report]


def execute(
    plan: Plan,
    system: System,
    *,
    journal: Journal | None,
    context: Context,
    verifier: Verifier | None,
    on_event: OnEvent = ignore,
    interrupts: Interrupts | None = None,
    earlier: Mapping[str, StepRecord] | None = None,
    driver_checker: DriverChecker | None = None,
) -> RunResult:
    """Carry out the steps in their order.

    Without a journal (a dry run, or a plan with nothing to do) nothing is kept for undo. `earlier` is what
    the journal says about the steps of a run that is resumed. Without a verifier the tensor test is left
    out, without a driver checker the check of the driver. Raises the step's own error when one fails and everything was put back, StoppedError when
    something of it is left, InterruptError when the person stopped the run.
    """
    run = _Run(
        plan=plan,
        system=system,
        journal=journal,
        context=context,
        verifier=verifier,
        on_event=on_event,
        interrupts=interrupts or Interrupts(),
        earlier=earlier or {},
        driver_checker=driver_checker,
    )
    return run.go()


@dataclass(slots=True, kw_only=True)
class _Run:
    plan: Plan
    system: System
    journal: Journal | None
    context: Context
    verifier: Verifier | None
    on_event: OnEvent
    interrupts: Interrupts
    earlier: Mapping[str, StepRecord]
    driver_checker: DriverChecker | None
    changes: dict[str, Change] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    report: Report | None = None
    verify: Verify | None = None

    def go(self) -> RunResult:
        self.changes = {name: record.change for name, record in self.earlier.items() if record.remains}
        total = len(self.plan.steps)
        for number, step in enumerate(self.plan.steps, start=1):
            if self.interrupts.count:
                self._interrupted(step)
            self.on_event(StepStarted(step=step, number=number, total=total))
            if isinstance(step, Verify):
                outcome = self._test(step)
            elif isinstance(step, CheckDriver):
                outcome = self._check_driver(step)
            else:
                try:
                    outcome = self._step(step)
                except CommandInterruptedError:
                    self._cut_off(step, tr("stopped"))
                    self._interrupted(step)
                except TorchupError as error:
                    self._failed(step, error)
                except Exception as error:  # noqa: BLE001 - a fault of torchup must not leave half a step behind either
                    fault = StepError(
                        tr("Something unexpected went wrong: {error}", error=error), code="internal-error"
                    )
                    fault.__cause__ = error
                    self._failed(step, fault)
            self.on_event(StepFinished(step=step, outcome=outcome))
            if isinstance(step, Reboot) and outcome.status == "changed" and self.journal is not None:
                self.journal.end("reboot", at=self.context.now())
                return self._result("restart-needed")
        if self.interrupts.count and self.plan.steps:
            self._interrupted(self.plan.steps[-1])
        if self.journal is not None:
            try:
                self.journal.end("done", at=self.context.now())
            except StepError as error:
                raise StoppedError(
                    tr("Everything is done, but the journal could not be closed."),
                    code="journal-not-closed",
                    evidence=(error.message, *error.evidence),
                    hint=tr(
                        "Correct that, then `torchup resume` closes it; `torchup undo` puts back what this run changed."
                    ),
                ) from error
        return self._result("done")

    def _result(self, status: RunStatus) -> RunResult:
        return RunResult(
            outcomes=tuple(self.outcomes),
            changes=dict(self.changes),
            status=status,
            report=self.report,
            verify=self.verify,
            journal=self.journal.path if self.journal is not None else None,
        )

    def _step(self, step: Step) -> Outcome:
        began = time.monotonic()
        situation = self._situation(step)
        prepared = prepare(step, self.system, situation)
        if prepared.unchanged:
            outcome = Outcome(step_id=step.id, status="unchanged", detail=prepared.detail)
            record = self.earlier.get(step.id)
            if self.journal is not None and record is not None and not _is_finished(record):
                # It was done when the earlier run was cut off, and only the note of it is missing.
                self.journal.finished(step.id, outcome, NoChange(), at=self.context.now())
            self.outcomes.append(outcome)
            return outcome
        if self.journal is not None:
            # Backup and note come first: a change that no journal knows of could not be taken back.
            self._keep(prepared, self.journal)
            self.journal.started(step.id, prepared.change, at=self.context.now())
        self.changes[step.id] = prepared.change
        change = perform(step, prepared, self.system, situation, lambda line: self._line(step, line))
        self.changes[step.id] = change
        outcome = Outcome(
            step_id=step.id,
            status="changed" if is_change(change) else "unchanged",
            detail=(change.problem if isinstance(change, LockChange) else None) or prepared.detail,
            seconds=round(time.monotonic() - began, 3),
        )
        if self.journal is not None:
            self.journal.finished(step.id, outcome, change, at=self.context.now())
        self.outcomes.append(outcome)
        return outcome

    def _situation(self, step: Step) -> Situation:
        record = self.earlier.get(step.id)
        made = frozenset(change.path for change in self.changes.values() if isinstance(change, EnvironmentChange))
        before = self.changes.get(step.id)
        again = record is not None and record.remains and not _is_finished(record)
        return Situation(
            made=made,
            earlier=before,
            run=self.journal.run if self.journal is not None else "",
            again=again,
            kept=self._kept(before) if again else None,
            asked_in=before.boot_id if isinstance(before, RestartChange) else None,
            later=self.plan.steps[self.plan.steps.index(step) + 1 :],
        )

    def _kept(self, change: Change | None) -> bytes | None:
        """Give what an earlier try of a step kept of the package manager's state before it."""
        if self.journal is None or not isinstance(change, SystemChange) or change.before_sha256 is None:
            return None
        return self.journal.backups.read(change.before_sha256)

    def _check_driver(self, step: CheckDriver) -> Outcome:
        """See whether the driver is the planned one; where it is not, the run stops and can be gone on with."""
        verdict = self.driver_checker(step) if self.driver_checker is not None else None
        if verdict is not None and not verdict.ok:
            outcome = Outcome(step_id=step.id, status="failed", detail=verdict.text)
            self.outcomes.append(outcome)
            self.on_event(StepFinished(step=step, outcome=outcome))
            if self.journal is not None:
                self.journal.end("stopped", at=self.context.now(), detail=verdict.text)
            raise not_as_planned(verdict)
        detail = verdict.text if verdict is not None else tr("the driver is looked at after the restart")
        outcome = Outcome(step_id=step.id, status="unchanged", detail=detail)
        self.outcomes.append(outcome)
        return outcome

    def _test(self, step: Verify) -> Outcome:
        self.verify = step
        began = time.monotonic()
        if self.verifier is None:
            outcome = Outcome(step_id=step.id, status="unchanged", detail=tr("the tensor test comes after the set-up"))
        else:
            try:
                self.report = self.verifier(step)
            except TorchupError:
                # The set-up itself is done and stays, whatever kept the test from running.
                if self.journal is not None:
                    self.journal.end("done", at=self.context.now())
                raise
            self.on_event(Verified(report=self.report))
            outcome = Outcome(
                step_id=step.id,
                status="unchanged" if self.report.verdict == "pass" else "failed",
                detail=tr("the tensor test: {verdict}", verdict=self.report.verdict),
                seconds=round(time.monotonic() - began, 3),
            )
        self.outcomes.append(outcome)
        return outcome

    def _keep(self, prepared: Prepared, journal: Journal) -> None:
        for content in prepared.contents:
            try:
                journal.backups.keep(content)
            except OSError as error:
                raise explain(error, str(journal.backups.folder)) from error

    def _line(self, step: Step, line: str) -> None:
        self.on_event(StepOutput(step=step, line=line))

    def _interrupted(self, step: Step) -> NoReturn:
        """End the run where it is; what was done stays, and the journal knows it."""
        real = [change for change in self.changes.values() if is_change(change)]
        if self.journal is not None:
            self.journal.end("interrupted" if real else "rolled-back", at=self.context.now(), detail=step.id)
        if not real:
            raise self.interrupts.error(tr("Stopped; nothing was changed."), hint=tr("Run the same command again."))
        hint = (
            tr(
                "`torchup resume` goes on, `torchup undo` tells how packages go and puts back the rest, "
                "`torchup status` shows what was done."
            )
            if _has_packages(real)
            else tr(
                "`torchup resume` goes on, `torchup undo` puts back what this run changed, `torchup status` shows what was done."
            )
        )
        if isinstance(step, InstallSystemPackages) and self.system.manager_was_cut_off(step.manager):
            hint = tr(
                "The package manager was cut off in the middle: `torchup resume` has it finish first "
                "(by hand: `{command}`). {hint}",
                command=MEND,
                hint=hint,
            )
        raise self.interrupts.error(
            tr("Stopped at “{summary}”; what was done before it stays done.", summary=step.summary), hint=hint
        )

    def _failed(self, step: Step, error: TorchupError) -> NoReturn:
        """Put back what this run changed, last change first, and raise what went wrong."""
        outcome = Outcome(step_id=step.id, status="failed", detail=error.message)
        self.outcomes.append(outcome)
        self.on_event(StepFinished(step=step, outcome=outcome))
        if self.journal is None:
            raise error
        journal = self.journal
        self._cut_off(step, error.message)
        if error.code == "file-changed" and step.id in self.changes:
            # The step did nothing: what is there now is somebody else's.
            self.changes[step.id] = NoChange()
            self._note(lambda: journal.undone(step.id, at=self.context.now()))
        left: list[Left] = []
        for done in reversed(self.plan.steps):
            change = self.changes.get(done.id)
            if change is None or not is_change(change):
                continue
            remains = self._take_back(done, change, journal)
            left += [remains] if remains is not None else []
        self._note(
            lambda: journal.end("stopped" if left else "rolled-back", at=self.context.now(), detail=error.message)
        )
        if not left:
            raise error
        raise StoppedError(
            tr("{message} Not everything could be put back.", message=error.message),
            code="rollback-incomplete",
            evidence=(*error.evidence, *(line for item in left for line in (item.text, *item.diff))),
            hint=tr(
                "{hint} See `torchup status`; the journal is {path}.", hint=error.hint or "", path=journal.path
            ).strip(),
        ) from error

    def _cut_off(self, step: Step, why: str) -> None:
        """Note when a step ended that did not do what it was to do: what it made until then is its work."""
        change = self.changes.get(step.id)
        if change is None or self.journal is None:
            return
        if isinstance(change, EnvironmentChange | PackagesChange) and change.span is not None:
            change = replace(change, span=Span(since=change.span.since, until=time.time_ns()))
            self.changes[step.id] = change
        journal, outcome = self.journal, Outcome(step_id=step.id, status="failed", detail=why)
        self._note(lambda: journal.finished(step.id, outcome, change, at=self.context.now()))

    def _take_back(self, step: Step, change: Change, journal: Journal) -> Left | None:
        self.on_event(UndoStarted(step=step))
        run = Undoing(
            changes=tuple((done, self.changes[done.id]) for done in self.plan.steps if done.id in self.changes)
        )
        taken = revert(step, change, self.system, journal.backups, lambda line: self._line(step, line), run)
        left = taken.left
        text = left.text if left is not None else None
        self._note(lambda: journal.undone(step.id, at=self.context.now(), left=text))
        self.on_event(UndoFinished(step=step, left=text))
        return left

    def _note(self, write: Callable[[], None]) -> None:
        """Write to the journal where the run has failed already, which may be because the disk is full.

        A line that is missing then does no harm: undo and resume look at what is there.
        """
        with suppress(StepError):
            write()


def _is_finished(record: StepRecord) -> bool:
    return record.outcome is not None and record.outcome.status != "failed"


def _has_packages(changes: Iterable[Change]) -> bool:
    return any(isinstance(change, SystemChange) for change in changes)
