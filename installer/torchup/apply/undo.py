"""Put back what a run changed, last change first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from torchup.apply.backups import Backups
from torchup.apply.change import Change, DirectoryChange, Left
from torchup.apply.events import OnEvent, StepOutput, UndoFinished, UndoStarted, ignore
from torchup.apply.handlers import revert
from torchup.apply.history import RunRecord
from torchup.apply.interrupts import CommandInterruptedError, Interrupts
from torchup.apply.journal import Journal
from torchup.apply.system import System
from torchup.errors import StepError, StoppedError
from torchup.model.context import Context
from torchup.model.outcome import Outcome
from torchup.model.plan import Step
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoResult:
    """What was put back, step by step, and what could not be."""

    run: str
    outcomes: tuple[Outcome, ...]
    left: tuple[Left, ...]

    def raise_if_left(self) -> None:
        """Raise StoppedError (undo-incomplete) when something could not be put back."""
        if self.left:
            raise StoppedError(
                tr("Not everything could be put back."),
                code="undo-incomplete",
                evidence=tuple(line for item in self.left for line in (item.text, *item.diff)),
                hint=tr("What was changed since by somebody else is left as it is. Put it right by hand where needed."),
            )


def undo(
    run: RunRecord,
    system: System,
    *,
    context: Context,
    journal: Journal | None,
    on_event: OnEvent = ignore,
    interrupts: Interrupts | None = None,
) -> UndoResult:
    """Put back every change of a run that is still there; steps that were half done too.

    Without a journal this is a dry run, over the recording system. A second undo goes on where the first
    one was stopped. Raises InterruptError when the person stops it.
    """
    interrupts = interrupts or Interrupts()
    outcomes: list[Outcome] = []
    left: list[Left] = []
    for step in reversed(run.plan.steps):
        record = run.steps.get(step.id)
        if record is None or not record.remains:
            continue
        if interrupts.count:
            _stop(journal, context, interrupts)
        on_event(UndoStarted(step=step))
        backups = Backups(context.places.backups)
        try:
            remains = revert(step, record.change, system, backups, _teller(step, on_event))
        except CommandInterruptedError:
            _stop(journal, context, interrupts)
        if remains is None and left:
            remains = _folder_of_what_is_left(record.change, system)
        text = remains.text if remains is not None else None
        if journal is not None:
            with _noting():
                journal.undone(step.id, at=context.now(), left=text)
        if remains is not None:
            left.append(remains)
        outcomes.append(
            Outcome(
                step_id=step.id,
                status="failed" if text else "undone",
                detail=text or tr("taken back: {summary}", summary=step.summary),
            )
        )
        on_event(UndoFinished(step=step, left=text))
    if journal is not None:
        with _noting():
            journal.end("partly-undone" if left else "undone", at=context.now())
    return UndoResult(run=run.run, outcomes=tuple(outcomes), left=tuple(left))


def _folder_of_what_is_left(change: Change, system: System) -> Left | None:
    """Keep a folder on the books that still holds a file which could not be put back."""
    if isinstance(change, DirectoryChange):
        for path in change.paths:
            if system.look(path).kind == "directory":
                return Left(text=tr("{path} stays as long as there is something in it.", path=path))
    return None


@contextmanager
def _noting() -> Iterator[None]:
    try:
        yield
    except StepError as error:
        raise StoppedError(
            tr("What was put back so far could not be noted."),
            code="undo-not-noted",
            evidence=(error.message, *error.evidence),
            hint=tr("Correct that, then `torchup undo` goes on."),
        ) from error


def _teller(step: Step, on_event: OnEvent) -> Callable[[str], None]:
    return lambda line: on_event(StepOutput(step=step, line=line))


def _stop(journal: Journal | None, context: Context, interrupts: Interrupts) -> NoReturn:
    if journal is not None:
        journal.end("partly-undone", at=context.now())
    raise interrupts.error(tr("Stopped; a part is put back."), hint=tr("`torchup undo` goes on."))
