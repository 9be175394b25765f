"""`torchup detect`, `resolve` and `matrix`: look and explain, change nothing."""

from __future__ import annotations

from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.app.decision import ask_sources, read_machine, read_request, with_named_python
from torchup.errors import ExitStatus
from torchup.knowledge.platforms import Platform, platform_of
from torchup.model.facts import OperatingSystem, System


def run_detect(line: CommandLine) -> ExitStatus:
    """Print the machine facts."""
    facts = read_machine(line, None)

    def show() -> None:
        from torchup.ui.facts_view import render

        line.console.show(render(facts))

    line.console.answer(facts, show)
    return ExitStatus.DONE


def run_resolve(
    line: CommandLine,
    *,
    machine: Path | None,
    answers: Path | None,
    settings: tuple[str, ...],
    offline: bool,
    every_rejection: bool,
) -> ExitStatus:
    """Print the decision; exit 7 when nothing can be installed as things are."""
    from torchup.resolve.decide import resolve

    request = read_request(answers, settings, dict(line.context.environ))
    facts = read_machine(line, machine)
    if machine is None:
        facts = with_named_python(line, facts, request)
    sources = ask_sources(line, request, facts, offline=offline, own_machine=machine is None)
    # As `setup` decides: for this machine only over wheels that can be fetched now (docs/adr/0005).
    resolution = resolve(
        facts, request, sources.book, every_rejection=every_rejection, stand_ins_count=machine is not None
    )
    if resolution.status == "action_needed":
        from torchup.plan.system.advice import with_driver_commands

        resolution = with_driver_commands(resolution, facts)

    def show() -> None:
        from torchup.ui.resolution_view import render

        line.console.show(render(resolution))

    line.console.answer(resolution, show)
    return ExitStatus.DONE if resolution.status == "ok" else ExitStatus.NO_SOLUTION


def run_matrix(line: CommandLine, *, version: str | None, gpu: str | None, driver: str | None) -> ExitStatus:
    """Print the compatibility table for this machine's platform, filtered."""
    from torchup.knowledge.matrix import matrix

    table = matrix(_platform(), torch=version, gpu=gpu, driver=driver)

    def show() -> None:
        from torchup.ui.matrix_view import render

        line.console.show(render(table, line.context.terminal.columns))

    line.console.answer(table, show)
    return ExitStatus.DONE


def _platform() -> Platform:
    """Give this machine's wheel platform; the most common one where it has none of its own."""
    import os
    import sys

    system: System = "windows" if os.name == "nt" else "darwin" if sys.platform == "darwin" else "linux"
    arch = os.environ.get("PROCESSOR_ARCHITECTURE", "") if os.name == "nt" else os.uname().machine
    return platform_of(OperatingSystem(system=system, arch=arch)) or "linux_x86_64"
