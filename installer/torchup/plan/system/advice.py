"""The driver's recipe as commands to read: what a person would run, exactly that which a plan would."""

from __future__ import annotations

import shlex
from dataclasses import replace

from torchup.errors import RefusedError
from torchup.model.facts import MachineFacts
from torchup.model.plan import (
    AddRepository,
    Command,
    Download,
    EnrollKey,
    HoldPackages,
    InstallSystemPackages,
    Step,
    WriteFile,
)
from torchup.model.resolution import NextStep, Resolution
from torchup.plan.system.driver_steps import DriverPlan, plan_driver
from torchup.words import mark, tr

_SECURE_BOOT = ("mokutil --sb-state",)
_BY_TORCHUP = NextStep(text=mark("Or have torchup do it."), commands=("torchup setup --set driver.action=install",))


def with_driver_commands(resolution: Resolution, facts: MachineFacts) -> Resolution:
    """Add the recipe's commands to a resolution that needs a driver first, or why there are none."""
    if resolution.status != "action_needed" or resolution.driver.action not in ("install", "upgrade"):
        return resolution
    if facts.os.system != "linux":
        return resolution
    try:
        plan = plan_driver(facts, resolution.driver)
    except RefusedError as error:
        steps: tuple[NextStep, ...] = (_refused(error),)
    else:
        source = tr(plan.recipe.title) if plan.recipe else tr("this system")
        commands = tuple(line for step in plan.steps for line in _lines(step))
        steps = (
            NextStep(
                text=tr("From {source}, these commands do it.", source=source), commands=(*commands, "sudo reboot")
            ),
            replace(_BY_TORCHUP, text=tr(_BY_TORCHUP.text)),
        )
        # What the recipe says about Secure Boot is more exact than what holds for any.
        others = (step for step in resolution.next_steps if not any("mokutil" in line for line in step.commands))
        resolution = replace(resolution, next_steps=(*others, *_secure_boot(plan, facts)))
    first, *rest = resolution.next_steps or (NextStep(text=tr("Install the NVIDIA driver.")),)
    return replace(resolution, next_steps=(first, *steps, *rest))


def _refused(error: RefusedError) -> NextStep:
    hint, *commands = (error.hint or "").split("\n")
    evidence = " ".join(line if line.endswith(".") else tr("It is {line}.", line=line) for line in error.evidence)
    text = " ".join(part for part in (error.message, evidence, hint) if part)
    return NextStep(text=text, commands=tuple(command.strip() for command in commands))


def _secure_boot(plan: DriverPlan, facts: MachineFacts) -> tuple[NextStep, ...]:
    if not facts.context.secure_boot:
        return ()
    enrolment = next((step for step in plan.steps if isinstance(step, EnrollKey)), None)
    if enrolment:
        return (NextStep(text=enrolment.why, commands=_SECURE_BOOT),)
    text = tr("Secure Boot is on; these modules are signed by the distribution, so no key has to be registered.")
    return (NextStep(text=text, commands=_SECURE_BOOT),)


def _lines(step: Step) -> tuple[str, ...]:
    match step:
        case Download():
            check = (f"echo '{step.sha256}  {step.path}' | sha256sum --check",) if step.sha256 else ()
            return (_root("curl", "--fail", "--location", "--output", step.path, step.url), *check)
        case WriteFile():
            lines = " ".join(shlex.quote(line) for line in step.content.splitlines())
            return (f"printf '%s\\n' {lines} | sudo tee {shlex.quote(step.path)} >/dev/null",)
        case AddRepository() | HoldPackages() | InstallSystemPackages() | EnrollKey():
            return tuple(_command(command) for command in step.commands)
        case _:
            return ()


def _command(command: Command) -> str:
    added = [f"{name}={value}" for name, value in sorted(command.environment.items())]
    return _root(*added, *command.argv)


def _root(*words: str) -> str:
    return f"sudo {shlex.join(words)}"
