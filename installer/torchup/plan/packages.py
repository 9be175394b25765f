"""Putting PyTorch, and what was asked for beside it, into the environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from torchup.model.plan import InstallPackages, Step, WriteFile
from torchup.model.resolution import TorchPick
from torchup.plan.child_environment import installer_environment
from torchup.plan.given import PlanInput
from torchup.plan.installers import Installer
from torchup.plan.kernel import kernel_steps
from torchup.plan.requirements import requirement_lines, requirements_text
from torchup.plan.secrets import find_links_are_secret, index_names
from torchup.plan.sources import package_sources
from torchup.plan.space import download_bytes

REQUIREMENTS = "torchup-requirements.txt"


def package_steps(given: PlanInput, pick: TorchPick, python: str, wanted: tuple[str, ...]) -> list[Step]:
    """Give the steps that install the pins `wanted`, extras and the Jupyter kernel."""
    installer = installer_of(given, pick)
    lines = requirement_lines(pick)
    path = f"{given.target.path}/{REQUIREMENTS}"
    names = ", ".join(wanted)
    steps: list[Step] = [
        WriteFile(
            id="requirements",
            summary="Name the exact builds",
            why="The installer checks each wheel against the hashes in this file where the source gives them.",
            path=path,
            content=requirements_text(lines),
        ),
        InstallPackages(
            id="packages",
            summary=f"Install {names}",
            why=f"They were chosen for this machine; they come from {pick.index}.",
            python=python,
            distributions=wanted,
            commands=installer.install_file(python, path, lines),
            download_bytes=download_bytes(pick),
        ),
    ]
    extras = (*given.request.environment.extras, *(["ipykernel"] if given.request.environment.jupyter_kernel else []))
    if extras:
        steps.append(
            InstallPackages(
                id="extras",
                summary=f"Install {', '.join(extras)}",
                why="You asked for them; PyTorch stays the build that was chosen.",
                python=python,
                distributions=extras,
                commands=installer.install(python, (*wanted, *extras)),
            )
        )
    if given.request.environment.jupyter_kernel:
        name = PurePath(given.target.path).name
        steps += kernel_steps(name=name, python=python, facts=given.facts, context=given.context)
    return steps


def installer_of(given: PlanInput, pick: TorchPick) -> Installer:
    """Give the program that installs, with the sources that the pick and the machine call for."""
    settings, wish = given.settings, given.request.source
    kind = given.request.environment.installer
    settings = replace(settings, proxy=wish.proxy or settings.proxy, ca_bundle=wish.ca_bundle or settings.ca_bundle)
    return Installer(
        kind=kind,
        uv=given.uv,
        sources=package_sources(pick, settings, wish, unreachable=given.unreachable),
        names=index_names(settings),
        find_links_secret=find_links_are_secret(settings),
        environment=installer_environment(settings, given.context, pip=kind == "pip"),
    )
