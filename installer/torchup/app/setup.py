"""`torchup setup`: detect, ask, resolve, plan, review, apply, verify."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchup.app.commandline import CommandLine
from torchup.app.decision import no_solution, read_machine, read_request
from torchup.app.desk import Desk
from torchup.errors import ExitStatus, RefusedError, TorchupError, UsageError
from torchup.model.offer import IndexSettings
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.surroundings import decide_mode
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.model.plan import Plan
    from torchup.resolve.locked import Lock
    from torchup.ui.wizard_review import ReviewText


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOptions:
    """The options of `torchup setup`, as the command line has them."""

    answers: Path | None
    settings: tuple[str, ...]
    yes: bool
    dry_run: bool
    exit_code: bool
    machine: Path | None
    offline: bool
    save_answers: Path | None
    plan: Path | None
    from_lock: Path | None


def run_setup(line: CommandLine, options: SetupOptions) -> ExitStatus:
    """Set this machine up, or with `--dry-run` print the commands that would."""
    unattended = any(file is not None for file in (options.answers, options.plan, options.from_lock))
    mode = decide_mode(line.context, answers_given=unattended, yes=options.yes)
    if mode == "refused":
        raise RefusedError(
            tr(
                "There is no terminal to ask questions on: give the answers with --answers FILE, or take the recommended ones with --yes."
            ),
            code="no-terminal",
            hint=tr("torchup answers init FILE writes a commented file to start from."),
        )
    if options.machine is not None and not options.dry_run:
        raise UsageError(
            tr("--machine describes another machine, so nothing can be done on this one."),
            code="machine-without-dry-run",
            hint=tr("Add --dry-run to see the commands, or leave --machine out."),
        )
    if options.plan is not None and options.from_lock is not None:
        raise UsageError(
            tr("A plan and a lock both say what is installed: give --plan or --from-lock, not both."),
            code="plan-and-lock",
            hint=tr("A plan is for this machine as it is now; a lock is for any that it fits."),
        )
    if options.machine is None:
        from torchup.apply.history import read_runs

        # Before anybody is asked anything: what torchup did here so far has to be known.
        read_runs(line.context)
    request = _request(line, options)
    if options.plan is not None:
        return _apply_saved(line, options.plan, request if unattended and options.answers else None, options)
    lock = None
    if options.from_lock is not None:
        from torchup.app.from_lock import locked_request, read_lock_file

        lock = read_lock_file(options.from_lock)
        request = locked_request(request, lock)
    asks_first = mode == "wizard" or bool(request.ask)
    desk = _desk(line, options, lock, asks_first=asks_first)
    if lock is not None:
        from torchup.app.from_lock import with_locked_variant

        request = with_locked_variant(request, lock, desk.facts)
    if asks_first:
        request = _ask(line, desk, request)
    resolution = desk.resolve(request)
    # Only now: a person who is asked first need not wait for it.
    from torchup.plan.system.readiness import can_be_planned

    if not can_be_planned(resolution, request):
        from torchup.plan.system.advice import with_driver_commands

        raise no_solution(with_driver_commands(resolution, desk.facts))
    plan = desk.plan(request, resolution)
    if mode == "unattended" or options.dry_run:
        _tell(line, plan, resolution)
    if options.dry_run:
        return _dry_run(line, plan, exit_code=options.exit_code, own_machine=desk.own_machine)
    return _apply(line, plan, desk.sources(request).settings, shell=desk.facts.shells.current)


def _desk(line: CommandLine, options: SetupOptions, lock: Lock | None, *, asks_first: bool) -> Desk:
    facts = read_machine(line, options.machine)
    own, program = options.machine is None, _program(line)
    if lock is not None:
        from torchup.app.from_lock import LockDesk

        return LockDesk(
            line=line,
            facts=facts,
            own_machine=own,
            program=program,
            save_answers=options.save_answers,
            dry=options.dry_run,
            lock_file=lock,
        )
    return Desk(
        line=line,
        facts=facts,
        own_machine=own,
        program=program,
        save_answers=options.save_answers,
        dry=options.dry_run,
        asks_first=asks_first,
    )


def _request(line: CommandLine, options: SetupOptions) -> Request:
    request = read_request(options.answers, options.settings, dict(line.context.environ))
    if options.offline:
        request = replace(
            request,
            source=replace(request.source, offline=True),
            origins={**request.origins, "source.offline": "--offline"},
        )
    if request.ask and not (line.context.terminal.stdin_is_terminal and line.context.terminal.stdout_is_terminal):
        raise RefusedError(
            tr(
                "The answers leave {sections} to be asked, and there is no terminal to ask on.",
                sections=", ".join(request.ask),
            ),
            code="ask-without-terminal",
            hint=tr("Run it on a terminal, or answer these sections in the file and take `ask` out."),
        )
    return request


def _program(line: CommandLine) -> tuple[str, ...]:
    from torchup.ui.program import program_argv

    return program_argv(line.context.environ)


def _ask(line: CommandLine, desk: Desk, request: Request) -> Request:
    from torchup.ui.ask.backend import asker_for
    from torchup.ui.facts_view import render
    from torchup.ui.wizard import run_wizard

    return run_wizard(
        facts=desk.facts,
        request=request,
        resolve=desk.resolve,
        review=lambda wished, resolution: _review(line, desk, wished, resolution),
        asker=asker_for(line.context.terminal, line.console.ask_line),
        say=line.console.ask_line,
        found=[render(desk.facts)],
        stopped=desk.keep_answers_so_far,
    )


def _review(line: CommandLine, desk: Desk, request: Request, resolution: Resolution) -> ReviewText:
    from torchup.apply.run import Machine, predict
    from torchup.apply.survey import read_file
    from torchup.model.plan import InstallSystemPackages
    from torchup.plan.system.advice import with_driver_commands
    from torchup.plan.system.readiness import can_be_planned
    from torchup.ui.plan_view import file_changes, render_plan
    from torchup.ui.resolution_view import render
    from torchup.ui.wizard_review import Danger, ReviewText

    if not can_be_planned(resolution, request):
        return ReviewText(body=[render(with_driver_commands(resolution, desk.facts))], ready=False)
    try:
        plan = desk.plan(request, resolution)
        predicted = predict(plan, Machine(context=line.context), elsewhere=not desk.own_machine)
    except TorchupError as error:
        from rich.text import Text

        from torchup.ui.failure import as_text

        return ReviewText(body=[Text.from_ansi(as_text(error))], ready=False)
    dangers = [
        Danger(question=tr("{summary}, as root?", summary=step.summary), why=step.why)
        for step in plan.steps
        if isinstance(step, InstallSystemPackages) and step.id == "driver"
    ]
    elsewhere = not desk.own_machine
    return ReviewText(
        body=[render_plan(plan, predicted, elsewhere=elsewhere)],
        dangers=dangers,
        details=file_changes(plan, (lambda _path: None) if elsewhere else read_file),
    )


def _tell(line: CommandLine, plan: Plan, resolution: Resolution) -> None:
    from torchup.ui.resolution_view import planned_line

    if not line.console.json_output:
        line.console.say(planned_line(resolution))
    for warning in plan.warnings:  # those of the resolution among them
        line.console.warn(warning)


def _dry_run(line: CommandLine, plan: Plan, *, exit_code: bool, own_machine: bool = True) -> ExitStatus:
    from torchup.apply.privilege import words_for_root
    from torchup.apply.run import Machine, base_of
    from torchup.apply.script import dry_run

    base = base_of(plan, Machine(context=line.context), elsewhere=not own_machine)
    # Who runs the script on another machine is not known, so it names the way to root.
    dry = dry_run(plan, base, line.context, root_by=words_for_root() if own_machine else ("sudo",))

    def show() -> None:
        line.console.script(dry.script)
        if not dry.result.changed:
            line.console.say(tr("Everything is in place already: the script has nothing to do but the test."))

    line.console.answer(plan, show)
    return ExitStatus.CHANGES_FOUND if exit_code and dry.result.changed else ExitStatus.DONE


def _apply(line: CommandLine, plan: Plan, settings: IndexSettings, *, shell: str | None) -> ExitStatus:
    from torchup.app.driver import driver_checker_for
    from torchup.app.guarded_run import edit_steps, run_guarded
    from torchup.app.proof import verifier_for
    from torchup.apply.run import Machine, apply_plan, predict
    from torchup.plan.secrets import secret_environment

    machine = Machine(
        context=line.context,
        secrets=secret_environment(settings),
        attended=line.context.terminal.stdin_is_terminal,
        web=lambda: settings,
    )
    edits = edit_steps(plan)
    return run_guarded(
        line,
        plan,
        lambda progress: apply_plan(
            plan,
            machine,
            verifier=verifier_for(line),
            on_event=progress,
            driver_checker=driver_checker_for(line.context),
        ),
        may_edit=any(found.status == "changed" and found.step_id in edits for found in predict(plan, machine)),
        shell=shell,
    )


def _apply_saved(line: CommandLine, file: Path, request: Request | None, options: SetupOptions) -> ExitStatus:
    """Apply exactly the plan in a file, or refuse when machine or answers are not those it was made from."""
    from torchup.model.plan import Plan
    from torchup.model.serial import ShapeError, load
    from torchup.plan.digests import require_fresh
    from torchup.reading import read_file
    from torchup.resolve.offers.settings import read_settings

    try:
        data = json.loads(read_file(file))
        _require_writable_text(data)
        plan = load(Plan, data)
    except ShapeError as error:
        raise UsageError(
            tr("{file} is not a plan.", file=file),
            code="plan-invalid",
            evidence=[str(problem) for problem in error.problems],
            hint=tr("torchup setup --dry-run --json prints one."),
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            tr("{file} could not be read as a plan.", file=file),
            code="plan-invalid",
            evidence=[str(error)],
            hint=tr("torchup setup --dry-run --json prints one."),
        ) from error
    facts = read_machine(line, None)
    require_fresh(plan, facts=facts, request=request)
    if options.dry_run:
        return _dry_run(line, plan, exit_code=options.exit_code)
    settings = read_settings(line.context.environ, line.context.home)
    return _apply(line, plan, settings, shell=facts.shells.current)


def _require_writable_text(data: Any) -> None:
    """Refuse text that no path, no file and no command line can hold. Raises ValueError."""
    if isinstance(data, str):
        if "\0" in data:
            raise ValueError(tr("a null character is in {text!r}", text=data[:80]))
        os.fsencode(data)
    for item in (*data, *data.values()) if isinstance(data, dict) else data if isinstance(data, list) else ():
        _require_writable_text(item)
