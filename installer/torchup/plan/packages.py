"""Putting PyTorch, and what was asked for beside it, into the environment."""

from __future__ import annotations

from torchup.model.markers import marker_environment
from torchup.model.plan import InstallPackages, Step, WriteFile
from torchup.model.resolution import ToolkitDecision, TorchPick
from torchup.plan.child_environment import installer_environment
from torchup.plan.extras import left_out_extras, wanted_extras
from torchup.plan.given import PlanInput, settings_of
from torchup.plan.installers import Installer
from torchup.plan.lock import lock_steps, locked_steps
from torchup.plan.requirements import constraint_lines, requirement_lines, requirements_text
from torchup.plan.secrets import find_links_are_secret, index_names
from torchup.plan.sources import package_sources
from torchup.plan.space import download_bytes, estimated_mib
from torchup.plan.toolkit_steps import toolkit_links, toolkit_steps
from torchup.words import tr

REQUIREMENTS = "torchup-requirements.txt"
CONSTRAINTS = "torchup-constraints.txt"


def package_steps(
    given: PlanInput, pick: TorchPick, toolkit: ToolkitDecision, python: str, wanted: tuple[str, ...]
) -> list[Step]:
    """Give the steps that install the pins `wanted`, the toolkit's wheels and the extras."""
    installer = installer_of(given, pick)
    if given.lock is not None:
        links = toolkit_links(given, toolkit)
        return [*locked_steps(given, given.lock, installer, python), *links]
    lines = requirement_lines(pick)
    path = f"{given.target.path}/{REQUIREMENTS}"
    names = ", ".join(wanted)
    wheels: list[Step] = [
        WriteFile(
            id="requirements",
            summary=tr("Name the exact builds"),
            why=tr("The installer checks each wheel against the hashes in this file where the source gives them."),
            path=path,
            content=requirements_text(lines),
        ),
        InstallPackages(
            id="packages",
            summary=tr("Install {names}", names=names),
            why=tr("They were chosen for this machine; they come from {index}.", index=pick.index),
            python=python,
            distributions=wanted,
            commands=installer.install_file(python, path, lines),
            download_bytes=download_bytes(pick),
            disk_mib=estimated_mib(pick, given.facts),
        ),
    ]
    # From a conda channel they came with the environment.
    steps = [] if pick.source == "conda" else wheels
    extras = wanted_extras(given.request.environment, _markers(given, pick))
    constraints = f"{given.target.path}/{CONSTRAINTS}"
    beside = toolkit_steps(given, toolkit, installer, python, constraints)
    if extras:
        beside.append(
            InstallPackages(
                id="extras",
                summary=tr("Install {names}", names=", ".join(extras)),
                why=tr("You asked for them; PyTorch stays the build that was chosen."),
                python=python,
                distributions=extras,
                commands=installer.install(python, extras, constraints=constraints),
                pinned=False,
            )
        )
    if beside:
        steps.append(
            WriteFile(
                id="constraints",
                summary=tr("Name what nothing else may move"),
                why=tr("What is installed beside PyTorch must not replace it: the installer keeps to this file."),
                path=constraints,
                content=requirements_text(constraint_lines(pick)),
            )
        )
    # A lock names wheels: what conda brought is in its environment.yml.
    lock = [] if pick.source == "conda" else lock_steps(given, installer, python, pick.python)
    return [*steps, *beside, *lock]


def kept_out(given: PlanInput, pick: TorchPick) -> tuple[str, ...]:
    """Say which of the extras do not go into the environment, by their own markers."""
    return left_out_extras(given.request.environment, _markers(given, pick))


def _markers(given: PlanInput, pick: TorchPick) -> dict[str, str]:
    """Give what markers are held against: the environment's Python as far as its version is known, on that machine."""
    known = next((python.version for python in given.facts.pythons if python.path == pick.python_path), None)
    return marker_environment(given.facts.os, given.target.python_version or known or pick.python)


def installer_of(given: PlanInput, pick: TorchPick) -> Installer:
    """Give the program that installs, with the sources that the pick and the machine call for."""
    settings, wish = settings_of(given), given.request.source
    kind = given.request.environment.installer
    return Installer(
        kind=kind,
        uv=given.uv,
        sources=package_sources(pick, settings, wish, unreachable=given.unreachable),
        names=index_names(settings),
        find_links_secret=find_links_are_secret(settings),
        environment=installer_environment(settings, given.context, pip=kind == "pip"),
    )
