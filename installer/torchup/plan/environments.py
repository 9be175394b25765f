"""Making the environment that PyTorch goes into."""

from __future__ import annotations

from pathlib import PurePath

from torchup.model.plan import Command, CreateEnvironment, MakeDirectory, Step
from torchup.model.resolution import TorchPick
from torchup.plan.conda import create_conda, find_conda
from torchup.plan.given import PlanInput
from torchup.plan.packages import installer_of


def environment_steps(given: PlanInput, pick: TorchPick) -> list[Step]:
    """Give the steps that make the environment; none for one that is there already."""
    path = given.target.path
    if given.request.environment.kind == "existing":
        return []
    commands = _creation(given, pick)
    parent = str(PurePath(path).parent)
    interpreter = pick.python_path or pick.python
    why = f"PyTorch gets an environment of its own, with Python {pick.python}, and changes nothing else."
    return [
        MakeDirectory(
            id="environment-folder", summary=f"Make {parent}", why="The environment goes there.", path=parent
        ),
        CreateEnvironment(
            id="environment",
            summary=f"Make the environment {path}",
            why=why,
            path=path,
            python=interpreter,
            commands=commands,
        ),
    ]


def _creation(given: PlanInput, pick: TorchPick) -> tuple[Command, ...]:
    path = given.target.path
    if given.request.environment.kind == "conda":
        conda = find_conda(given.facts)
        return create_conda(conda, path, pick.python, offline=given.request.source.offline)
    return installer_of(given, pick).create_venv(path, pick.python, pick.python_path)
