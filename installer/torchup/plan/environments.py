"""Making the environment that PyTorch goes into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from torchup.model.plan import Command, CreateEnvironment, MakeDirectory, Step
from torchup.model.resolution import ToolkitDecision, TorchPick
from torchup.plan.conda import conda_environment, create_conda, find_conda, python_specs, torch_specs
from torchup.plan.conda_file import conda_file_step
from torchup.plan.conda_layout import nvcc_below
from torchup.plan.conda_toolkit import toolkit_specs
from torchup.plan.given import PlanInput, settings_of
from torchup.plan.packages import installer_of
from torchup.plan.requirements import requirement_lines
from torchup.words import tr


def environment_steps(given: PlanInput, pick: TorchPick, toolkit: ToolkitDecision) -> list[Step]:
    """Give the steps that make the environment, a toolkit of conda in it; none for one that is there already."""
    path = given.target.path
    if given.request.environment.kind == "existing":
        return []
    by_conda = given.request.environment.kind == "conda"
    specs: tuple[str, ...] = ()
    if by_conda:
        specs = (
            *python_specs(pick.python),
            *torch_specs(pick),
            *toolkit_specs(toolkit, cudnn=given.request.cuda_toolkit.cudnn),
        )
    parent = str(PurePath(path).parent)
    why = tr(
        "PyTorch gets an environment of its own, with Python {python}, and changes nothing else.", python=pick.python
    )
    steps: list[Step] = [
        MakeDirectory(
            id="environment-folder",
            summary=tr("Make {path}", path=parent),
            why=tr("The environment goes there."),
            path=parent,
        ),
        CreateEnvironment(
            id="environment",
            summary=tr("Make the environment {path}", path=path),
            why=why,
            path=path,
            python=pick.python if by_conda else pick.python_path or pick.python,
            provides=(nvcc_below(given.facts.os),) if by_conda and toolkit.source == "conda" else (),
            commands=_creation(given, pick, specs),
        ),
    ]
    return [*steps, *([_environment_file(given, pick, specs)] if by_conda else [])]


def _creation(given: PlanInput, pick: TorchPick, specs: tuple[str, ...]) -> tuple[Command, ...]:
    path = given.target.path
    if specs:
        environment = conda_environment(settings_of(given), given.context)
        return create_conda(find_conda(given.facts), path, specs, wish=given.request.source, environment=environment)
    return installer_of(given, pick).create_venv(path, pick.python, pick.python_path)


def _environment_file(given: PlanInput, pick: TorchPick, specs: tuple[str, ...]) -> Step:
    installer = installer_of(given, pick)
    # Folders that hold a login travel in the environment of the installer only.
    sources = replace(installer.sources, find_links=()) if installer.find_links_secret else installer.sources
    builds = tuple(line.split()[0] for line in requirement_lines(pick)) if pick.source != "conda" else ()
    channels = given.request.source.conda_channels
    return conda_file_step(given.target.path, channels=channels, specs=specs, sources=sources, pins=builds)
