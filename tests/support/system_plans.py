"""Plans for the machines under tests/machines, made from values alone, and their system steps as lines to read."""

from __future__ import annotations

import shlex
from pathlib import Path

from support.machines import Machine, book_for, read_machine
from support.sandbox import context_in
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings
from torchup.model.plan import (
    AddRepository,
    CheckDriver,
    Command,
    Download,
    EnrollKey,
    HoldPackages,
    InstallSystemPackages,
    Plan,
    Reboot,
    Step,
    WriteFile,
)
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.plan.build import PlanInput, environment_path, make_plan
from torchup.plan.target import TargetState
from torchup.resolve.decide import resolve

HOME = Path("/home/ada")
SYSTEM_KINDS = (AddRepository, CheckDriver, Download, EnrollKey, HoldPackages, InstallSystemPackages, Reboot)


def decided(facts: MachineFacts, request: Request) -> Resolution:
    """Resolve over the bundled snapshot."""
    return resolve(facts, request, book_for(facts))


def planned(facts: MachineFacts, request: Request) -> Plan:
    """Resolve and plan, the disk unseen; raises what planning raises."""
    context = context_in(HOME)
    place = environment_path(request, facts, context)
    given = PlanInput(
        facts=facts,
        request=request,
        settings=IndexSettings(),
        context=context,
        target=TargetState(path=place, kind="absent"),
        uv="/opt/uv",
        answers_text="schema: 1\n",
        files={},
    )
    return make_plan(resolution=decided(facts, request), given=given)


def planned_machine(path: Path) -> tuple[Machine, Plan]:
    """Plan for a machine file."""
    machine = read_machine(path)
    return machine, planned(machine.facts, machine.request)


def system_steps(plan: Plan) -> tuple[Step, ...]:
    """Give the steps that are about the operating system."""
    return tuple(step for step in plan.steps if isinstance(step, SYSTEM_KINDS) or step.privilege == "root")


def told(plan: Plan) -> str:
    """Write the plan's system steps and warnings as lines: what each does, and how it is taken back."""
    lines: list[str] = []
    for step in system_steps(plan):
        lines.append(f"== {step.kind} {step.id} ({step.privilege}): {step.summary}")
        lines.append(f"   {step.why}")
        lines += _details(step)
    lines.append(f"-- then: {', '.join(step.kind for step in plan.steps if step not in system_steps(plan))}")
    lines += [f"-- {warning}" for warning in plan.warnings]
    return "\n".join(lines)


def _details(step: Step) -> list[str]:
    match step:
        case Download():
            return [f"   {step.url}", f"   -> {step.path} sha256 {step.sha256}"]
        case WriteFile():
            return [f"   -> {step.path} {step.mode:o}", *(f"   | {line}" for line in step.content.splitlines())]
        case InstallSystemPackages():
            return [f"   {step.manager}: {' '.join(step.packages)}", *_commands(step.commands, step.undo_commands)]
        case AddRepository():
            creates = [f"   creates {path}" for path in step.creates]
            return [*creates, *_commands(step.commands, step.undo_commands)]
        case HoldPackages():
            return [*(f"   holds {entry}" for entry in step.holds), *_commands(step.commands, step.undo_commands)]
        case EnrollKey():
            return [f"   key {step.key_path}", *_commands(step.commands, step.undo_commands)]
        case CheckDriver():
            return [f"   branch {step.branch or 'any'}, module {step.module}, minimum {step.minimum}"]
        case _:
            return []


def _commands(commands: tuple[Command, ...], undo: tuple[Command, ...]) -> list[str]:
    return [*(f"   $ {shlex.join(c.argv)}" for c in commands), *(f"   undo $ {shlex.join(c.argv)}" for c in undo)]
