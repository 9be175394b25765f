"""Put back what a run changed, last change first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from torchup.apply.backups import Backups
from torchup.apply.change import Left, Span, TakenBack
from torchup.apply.environment_undo import Undoing
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
from torchup.words import mark, tr


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoResult:
    """What was put back, step by step, and what could not be.

    `removed` and `restored` name every package, file and folder; `stays` are folders that are in use by now. `lines`
    tell the same in words, one for each step.
    """

    run: str
    outcomes: tuple[Outcome, ...]
    left: tuple[Left, ...]
    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def raise_if_left(self) -> None:
        """Raise StoppedError (undo-incomplete) when something could not be put back."""
        if self.left:
            raise StoppedError(
                tr("Not everything could be put back."),
                code="undo-incomplete",
                evidence=tuple(line for item in self.left for line in (item.text, *item.diff)),
                hint=tr(
                    "What is not torchup's is left as it is. Once you have moved it, `torchup undo` takes the rest."
                ),
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
    every: list[TakenBack] = []
    whole = undoing(run)
    for step in reversed(run.plan.steps):
        record = run.steps.get(step.id)
        if record is None or not record.remains:
            continue
        if interrupts.count:
            _stop(journal, context, interrupts)
        on_event(UndoStarted(step=step))
        backups = Backups(context.places.backups)
        try:
            taken = revert(step, record.change, system, backups, _teller(step, on_event), whole)
        except CommandInterruptedError:
            _stop(journal, context, interrupts)
        if taken.left is None and taken.stays and any(done.left for done in every):
            taken = replace(taken, stays=(), left=_folder_of_what_is_left(taken))
        text = taken.left.text if taken.left is not None else None
        if journal is not None:
            with _noting():
                journal.undone(step.id, at=context.now(), left=text)
        every.append(taken)
        detail = text or in_words(taken, dry=journal is None)
        outcomes.append(Outcome(step_id=step.id, status="failed" if text else "undone", detail=detail))
        on_event(UndoFinished(step=step, left=text))
    # What is left for one reason is told once: all that lies in an environment that another folder has replaced.
    left = tuple({taken.left.text: taken.left for taken in every if taken.left is not None}.values())
    if journal is not None:
        with _noting():
            journal.end("partly-undone" if left else "undone", at=context.now())
    return UndoResult(
        run=run.run,
        outcomes=tuple(outcomes),
        left=left,
        removed=tuple(item for taken in every for item in taken.removed),
        restored=tuple(item for taken in every for item in taken.restored),
        stays=tuple(item for taken in every for item in taken.stays),
        lines=tuple(words for taken in every if (words := in_words(taken, dry=journal is None))),
    )


def undoing(run: RunRecord) -> Undoing:
    """Give what is to be known of a run while its steps are taken back."""
    changes = [(step, run.steps[step.id].change) for step in run.plan.steps if step.id in run.steps]
    try:
        written = run.path.stat().st_mtime_ns
    except OSError:
        written = None
    return Undoing(changes=tuple(changes), lifetime=Span(since=int(run.at.timestamp() * 1e9), until=written))


def in_words(taken: TakenBack, *, dry: bool) -> str:
    """Name what became of one step, or would, in a line; empty where nothing was left of it."""
    removed, restored = (
        (mark("would be removed: {names}"), mark("would be put back: {names}"))
        if dry
        else (mark("removed: {names}"), mark("put back: {names}"))
    )
    parts = [tr(removed, names=", ".join(taken.removed))] if taken.removed else []
    parts += [tr(restored, names=", ".join(taken.restored))] if taken.restored else []
    parts += [tr("stays, because it is in use: {names}", names=", ".join(taken.stays))] if taken.stays else []
    return "; ".join(parts)


def _folder_of_what_is_left(taken: TakenBack) -> Left:
    """Keep a folder on the books that still holds what could not be put back."""
    return Left(
        text=tr("{path} stays as long as there is something in it.", path=", ".join(taken.stays)), kept=taken.stays
    )


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
