"""Carry out the shell part: confirmed, and once more where a file changed or could not be written."""

from __future__ import annotations

from dataclasses import dataclass

from torchup.app.commandline import CommandLine
from torchup.app.confirmation import agreed, can_ask
from torchup.app.shell_wish import Wanted
from torchup.errors import RefusedError, StepError
from torchup.model.outcome import Outcome
from torchup.model.plan import EditManagedBlock, Plan
from torchup.plan.shell_steps import ShellPlan
from torchup.shell.startup_choice import Unedited
from torchup.words import tr

# With these the file itself is the trouble, and the others may still be written.
_THE_FILE = frozenset({"no-permission", "read-only-file", "read-only-file-system", "file-busy", "link-loop"})
_STEPS = ("block:", "own-file:", "folder:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was written: the plan as it was in the end, the paths that changed, and a sentence for each."""

    planned: ShellPlan
    changed: tuple[str, ...]
    details: tuple[str, ...] = ()


def carry_out(
    wanted: Wanted, *, yes: bool, question: str, planned: ShellPlan | None = None, all_or_nothing: bool = False
) -> Done | None:
    """Apply the shell part after a confirmation; None when the person said no.

    On a terminal a file that changed while the question stood is reviewed anew. A file that cannot be
    written is left out, unless all are wanted or none. Raises what `apply_plan` raises.
    """
    given = planned
    while True:
        planned = given or wanted.plan()
        plan = wanted.steps(planned)
        failed: list[str] = []
        if not plan.steps:
            return Done(planned=planned, changed=())
        try:
            if not confirmed(wanted, plan, yes=yes, question=question):
                return None
            outcomes = _apply(wanted.line, plan, failed=failed)
        except StepError as error:
            attended = wanted.line.context.terminal.stdin_is_terminal and not yes
            if error.code == "file-changed" and attended and given is None:
                wanted.line.console.warn(error.message)
                continue
            path = _file_of(failed, planned)
            if given is not None or all_or_nothing or error.code not in _THE_FILE or path is None:
                raise
            wanted.line.console.warn(error.message)
            wanted = wanted.without(
                path, Unedited(kind="unusable", why=error.message.rstrip(".。"), hint=error.hint or "")
            )
            continue
        return Done(planned=planned, changed=_paths(plan, outcomes), details=_details(wanted, plan, outcomes))


def confirmed(wanted: Wanted, plan: Plan, *, yes: bool, question: str) -> bool:
    """Show what would change and ask, unless there is nothing to ask about.

    Raises what the plan would raise at once, and RefusedError no-terminal.
    """
    from torchup.apply.run import Machine, predict
    from torchup.ui.plan_view import render_plan

    line = wanted.line
    predicted = predict(plan, Machine(context=line.context))
    if yes or not any(outcome.status == "changed" for outcome in predicted):
        return True
    _require_terminal(line)
    line.console.ask_line(render_plan(plan, predicted))
    return agreed(line, question)


def _apply(line: CommandLine, plan: Plan, *, failed: list[str]) -> tuple[Outcome, ...]:
    from torchup.apply.events import Event, StepFinished
    from torchup.apply.run import Machine, apply_plan
    from torchup.ui.progress import RunProgress

    machine = Machine(context=line.context, attended=line.context.terminal.stdin_is_terminal)
    with RunProgress(line.console) as progress:

        def watch(event: Event) -> None:
            if isinstance(event, StepFinished) and event.outcome.status == "failed":
                failed.append(event.step.id)
            progress(event)

        return apply_plan(plan, machine, verifier=None, on_event=watch).outcomes


def _details(wanted: Wanted, plan: Plan, outcomes: tuple[Outcome, ...]) -> tuple[str, ...]:
    """Say of each file what happened to it: the lines, and where its old bytes are kept."""
    steps = {step.id: step for step in plan.steps}
    found = []
    for outcome in outcomes:
        step = steps[outcome.step_id]
        if outcome.status != "changed":
            continue
        if isinstance(step, EditManagedBlock) and step.expected_sha256 is not None:
            backup = wanted.line.context.places.backups / step.expected_sha256
            found.append(tr("{change}; as it was: {backup}", change=outcome.detail, backup=backup))
        else:
            found.append(outcome.detail)
    return tuple(found)


def _paths(plan: Plan, outcomes: tuple[Outcome, ...]) -> tuple[str, ...]:
    changed = {outcome.step_id for outcome in outcomes if outcome.status == "changed"}
    return tuple(step.path for step in plan.steps if step.id in changed and hasattr(step, "path"))


def _file_of(failed: list[str], planned: ShellPlan) -> str | None:
    """Name the start-up file that a failed step was for."""
    for step in failed:
        if step.startswith(_STEPS):
            place = step.partition(":")[2]
            for file in planned.choice.files:
                if file.path == place or file.path.startswith(f"{place}/"):
                    return file.path
    return None


def _require_terminal(line: CommandLine) -> None:
    if not can_ask(line):
        raise RefusedError(
            tr(
                "There is no terminal to confirm this on: add --yes to write without asking, or use torchup setup --answers FILE."
            ),
            code="no-terminal",
            hint=tr("torchup shell show prints what would be written."),
        )
