"""`torchup shell show|apply|remove|check`: only the shell configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchup import __version__
from torchup.app.commandline import CommandLine
from torchup.app.decision import read_machine
from torchup.app.startup import refuse_unreadable_startup_files, with_zdotdir
from torchup.errors import ExitStatus, RefusedError, UsageError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.outcome import Check
from torchup.model.plan import MakeDirectory, Plan, Step
from torchup.model.request import Request, ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.shell_steps import ShellPlan, env_file_path, plan_shell, plan_shell_removal

DEFAULT_ENVIRONMENT = ".venvs/torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options ask for, on this machine."""

    line: CommandLine
    context: Context
    facts: MachineFacts
    wish: ShellWish
    toolkit: ToolkitDecision
    environment: str | None

    def plan(self) -> ShellPlan:
        """Plan the env files and the blocks."""
        from torchup.apply.survey import read_file

        return plan_shell(
            wish=self.wish,
            facts=self.facts,
            context=self.context,
            files=read_file,
            toolkit=self.toolkit,
            environment=self.environment,
            wheel_brings_cuda=any((torch.variant or "").startswith("cu") for torch in self.facts.torch),
        )


def run_show(line: CommandLine, **options: Any) -> ExitStatus:
    """Print what would be written where, and what in the start-up files may get in its way."""
    from torchup.apply.survey import read_file
    from torchup.ui.plan_view import file_changes
    from torchup.ui.shell_view import render_show

    wanted = _wanted(line, **options)
    planned = wanted.plan()
    changes = file_changes(_plan(wanted, planned.steps), read_file)
    findings = _findings(planned)
    if line.console.json_output:
        line.console.data(
            {
                "schema": 1,
                "files": planned.choice.files,
                "skipped": planned.choice.skipped,
                "notes": planned.choice.notes,
                "ld_library_path": planned.library_path,
                "changes": changes,
                "findings": findings,
            }
        )
    else:
        line.console.show(render_show(planned, changes, findings))
    return ExitStatus.DONE


def run_apply(line: CommandLine, *, yes: bool, **options: Any) -> ExitStatus:
    """Write the env files and the blocks, then start the shells to see that they took effect."""
    from torchup.apply.survey import read_file

    wanted = _wanted(line, **options)
    planned = wanted.plan()
    for skipped in planned.choice.skipped:
        line.console.warn(f"{skipped.shell} is left out: {skipped.reason}")
    plan = _plan(wanted, planned.steps)
    refuse_unreadable_startup_files(plan, read_file)
    changed = _carry_out(line, plan, yes=yes, question="Write these files?")
    if changed is None:
        return ExitStatus.DONE
    checks = _checks(wanted)
    _tell(line, checks, changed)
    return ExitStatus.DEGRADED if _bad(checks) else ExitStatus.DONE


def run_remove(line: CommandLine, *, yes: bool, **options: Any) -> ExitStatus:
    """Take the blocks and the env files out; bytes around the blocks stay as they are."""
    from torchup.apply.survey import read_file

    options |= {"cuda_home": None}
    wanted = _wanted(line, needs_something=False, **options)
    env_files = {env_file_path(language, wanted.context) for language in ("sh", "fish", "csh", "powershell")}
    only_some = wanted.wish.shells != "auto" or wanted.wish.rc is not None
    removal = plan_shell_removal(
        wish=wanted.wish,
        facts=wanted.facts,
        context=wanted.context,
        files=read_file,
        env_files=() if only_some else sorted(path for path in env_files if Path(path).exists()),
        environment=wanted.environment,
    )
    steps = removal.steps if only_some else (*removal.steps, *_known_from_before(line, removal.steps))
    changed = _carry_out(line, _plan(wanted, steps), yes=yes, question="Take them out?")
    if changed is not None:
        _tell(line, (), (*changed, *_settle(line)))
    return ExitStatus.DONE


def _known_from_before(line: CommandLine, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Plan for what earlier runs wrote that would not be chosen today: another shell, another ZDOTDIR."""
    from torchup.apply.still_ours import files_still_ours, removal_steps

    try:
        ours = files_still_ours(line.context)
    except RefusedError as error:
        line.console.say(f"Only the files of today's shells are looked at. {error.message}")
        return ()
    return removal_steps(ours, planned={step.path for step in steps if hasattr(step, "path")})


def _settle(line: CommandLine) -> tuple[str, ...]:
    from torchup.apply.run import Machine
    from torchup.apply.still_ours import settle_removal

    try:
        return settle_removal(line.context, Machine(context=line.context).system())
    except RefusedError as error:
        line.console.say(f"The notes for undo stay as they are. {error.message}")
        return ()


def run_check(line: CommandLine, **options: Any) -> ExitStatus:
    """Start real shells and compare what they know with what was set up."""
    wanted = _wanted(line, **options)
    checks = _checks(wanted)
    findings = _findings(wanted.plan())
    if line.console.json_output:
        line.console.data({"schema": 1, "checks": checks, "findings": findings})
    else:
        from torchup.ui.shell_view import render_check

        line.console.show(render_check(checks, findings))
    return ExitStatus.DEGRADED if _bad(checks) else ExitStatus.DONE


def _wanted(
    line: CommandLine,
    *,
    shells: tuple[str, ...],
    rc: str | None,
    cuda_home: str | None,
    environment: str | None,
    needs_something: bool = True,
) -> Wanted:
    facts = read_machine(line, None)
    context = line.context
    folder = _folder(environment, context, "--environment")
    if folder is None and (context.home / DEFAULT_ENVIRONMENT).is_dir():
        folder = str(context.home / DEFAULT_ENVIRONMENT)
    toolkit = _folder(cuda_home, context, "--cuda-home")
    if needs_something and folder is None and toolkit is None:
        raise UsageError(
            "There is no environment and no CUDA toolkit for the shells to know of.",
            code="nothing-to-configure",
            evidence=[f"not there: {context.home / DEFAULT_ENVIRONMENT}"],
            hint="Name them: --environment DIR, --cuda-home DIR. `torchup setup` makes an environment.",
        )
    chosen: Any = shells or "auto"
    return Wanted(
        line=line,
        context=with_zdotdir(context, facts),
        facts=facts,
        wish=ShellWish(shells=chosen, rc=str(context.cwd / Path(rc).expanduser()) if rc else None),
        toolkit=ToolkitDecision(source="existing" if toolkit else "none", path=toolkit),
        environment=folder,
    )


def _folder(text: str | None, context: Context, option: str) -> str | None:
    if text is None:
        return None
    # Links stay as they are written: /usr/local/cuda is meant to move with the toolkit.
    place = os.path.abspath(context.cwd / Path(text).expanduser())  # noqa: PTH100 - Path.resolve would follow links
    if not Path(place).is_dir():
        raise UsageError(
            f"{option} names {place}, which is no folder.", code="folder-missing", hint="Give the path of a folder."
        )
    return place


def _plan(wanted: Wanted, steps: tuple[Step, ...]) -> Plan:
    from torchup.plan.digests import facts_digest, request_digest

    config = str(wanted.context.places.config)
    folder = MakeDirectory(id="config-folder", summary=f"Make {config}", why="The env files go there.", path=config)
    writes = any(step.kind == "WriteFile" and Path(step.path).parent == Path(config) for step in steps)
    return Plan(
        tool_version=__version__,
        facts_digest=facts_digest(wanted.facts),
        request_digest=request_digest(Request(shell=wanted.wish)),
        steps=(folder, *steps) if writes else steps,
    )


def _carry_out(line: CommandLine, plan: Plan, *, yes: bool, question: str) -> tuple[str, ...] | None:
    """Apply the plan after a confirmation; give the paths that changed, or None when the person said no."""
    from torchup.apply.run import Machine, apply_plan, predict
    from torchup.ui.plan_view import render_plan
    from torchup.ui.progress import RunProgress

    machine = Machine(context=line.context, attended=line.context.terminal.stdin_is_terminal)
    predicted = predict(plan, machine)
    if not yes and any(outcome.status == "changed" for outcome in predicted):
        line.console.ask_line(render_plan(plan, predicted))
        if not _agreed(line, question):
            line.console.say("Nothing was changed.")
            return None
    with RunProgress(line.console) as progress:
        result = apply_plan(plan, machine, verifier=None, on_event=progress)
    changed = {outcome.step_id for outcome in result.outcomes if outcome.status == "changed"}
    return tuple(step.path for step in plan.steps if step.id in changed and hasattr(step, "path"))


def _agreed(line: CommandLine, question: str) -> bool:
    terminal = line.context.terminal
    if not (terminal.stdin_is_terminal and terminal.stdout_is_terminal):
        raise RefusedError(
            "There is no terminal to confirm this on: add --yes to write without asking.",
            code="no-terminal",
            hint="torchup shell show prints what would be written.",
        )
    from torchup.ui.ask.backend import asker_for
    from torchup.ui.ask.prompt import Menu, Option

    menu = Menu(
        text=question,
        options=(Option(id="yes", label="Yes"), Option(id="no", label="No")),
        default="yes",
        can_go_back=False,
        has_help=False,
    )
    return asker_for(terminal, line.console.ask_line).choose(menu) == "yes"


def _checks(wanted: Wanted) -> tuple[Check, ...]:
    from torchup.app.proof import shell_checks

    with wanted.line.console.working("Starting the shells"):
        return shell_checks(wanted.plan().proof, wanted.context)


def _findings(planned: ShellPlan) -> tuple[Any, ...]:
    from torchup.apply.survey import read_file
    from torchup.shell.diagnosis import diagnose

    found: list[Any] = []
    for file in planned.choice.files:
        content = read_file(file.path)
        if content is not None and file.form == "block":
            found += diagnose(file.path, content, real_path=os.path.realpath(file.path))
    return tuple(found)


def _tell(line: CommandLine, checks: tuple[Check, ...], changed: tuple[str, ...]) -> None:
    if line.console.json_output:
        line.console.data({"schema": 1, "changed": changed, "checks": checks})
        return
    from torchup.ui.shell_view import render_check

    line.console.show("\n".join(["Changed:", *(f"  {path}" for path in changed)]) if changed else "Nothing to do.")
    if checks:
        line.console.show(render_check(checks, ()))


def _bad(checks: tuple[Check, ...]) -> bool:
    return any(check.status in ("fail", "timeout", "error") for check in checks)
