"""The conda part of the shell configuration: the scripts that conda runs with one environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from torchup.model.facts import MachineFacts
from torchup.model.plan import MakeDirectory, RemoveFile, Step, WriteFile
from torchup.model.quick import dataclass
from torchup.model.request import ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.conda_layout import include_dir
from torchup.shell.conda_scripts import CondaSettings, render_conda_scripts, script_folders, script_paths
from torchup.shell.env_files import ShellEnvironment
from torchup.words import mark, tr

ReadFile = Callable[[str], bytes | None]

_WHY = mark("conda runs it with this environment only, so other environments and new shells do not change.")

_NO_ACTIVATION = mark(
    "shell.activate does nothing for a conda environment: conda activates it. Put `conda activate FOLDER` below conda's own lines in the start-up file, if you want it in every shell."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaShellPlan:
    """The steps for one conda environment, what is to hold in it, and why nothing is done where nothing is."""

    steps: tuple[Step, ...] = ()
    settings: CondaSettings | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()


def is_conda_environment(environment: str, files: ReadFile) -> bool:
    """Tell a conda environment by the record that conda keeps of its changes."""
    return files(f"{environment}/conda-meta/history") is not None


def plan_conda_scripts(
    *,
    wish: ShellWish,
    facts: MachineFacts,
    files: ReadFile,
    toolkit: ToolkitDecision,
    known: ShellEnvironment,
    is_conda: bool,
) -> CondaShellPlan:
    """Plan the pair of scripts for every shell, or to take out those of an earlier run.

    `known` is what the start-up files tell of the toolkit. `is_conda` is for an environment that is yet to be
    made; one that is there is looked at.
    """
    asked = wish.shells != "auto" and "conda" in wish.shells
    environment = known.environment
    if wish.shells == "none":
        return CondaShellPlan()
    if environment is None:
        return CondaShellPlan(reason=tr("there is no environment to give scripts to") if asked else None)
    if not (is_conda or is_conda_environment(environment, files)):
        return CondaShellPlan(
            reason=tr("{environment} is no conda environment", environment=environment) if asked else None
        )
    notes = (tr(_NO_ACTIVATION),) if wish.activate else ()
    inside = _is_inside(toolkit, environment) or toolkit.source == "conda"
    settings = CondaSettings(
        prefix=environment,
        cuda_home=known.cuda_home,
        include_dir=include_dir(known.cuda_home, facts.os) if known.cuda_home and inside else None,
        library_dirs=known.library_dirs,
    )
    if settings.empty:
        reason = tr("no CUDA toolkit is chosen, and PyTorch needs none, so conda has nothing to set")
        return CondaShellPlan(
            steps=remove_conda_scripts(environment, files), reason=reason if asked else None, notes=notes
        )
    folders = (
        MakeDirectory(id=f"folder:{folder}", summary=tr("Make {path}", path=folder), why=tr(_WHY), path=folder)
        for folder in script_folders(environment)
    )
    scripts = (
        WriteFile(
            id=f"conda-script:{PurePosixPath(path).parent.name}/{PurePosixPath(path).name}",
            summary=tr("Write {path}", path=path),
            why=tr(_WHY),
            path=path,
            content=content,
        )
        for path, content in render_conda_scripts(settings).items()
    )
    return CondaShellPlan(steps=(*folders, *scripts), settings=settings, notes=notes)


def remove_conda_scripts(environment: str, files: ReadFile) -> tuple[Step, ...]:
    """Plan to remove those of our scripts that are in a conda environment."""
    return tuple(
        RemoveFile(
            id=f"conda-script:{PurePosixPath(path).parent.name}/{PurePosixPath(path).name}",
            summary=tr("Remove {path}", path=path),
            why=tr("It sets what torchup no longer is to set."),
            path=path,
        )
        for path in script_paths(environment)
        if files(path) is not None
    )


def outside_conda(known: ShellEnvironment, toolkit: ToolkitDecision) -> ShellEnvironment:
    """Leave out of the start-up files a toolkit that is part of the conda environment itself.

    Its folder `bin` holds that environment's python and everything else: in every shell's PATH it would
    stand before the system's.
    """
    if known.environment is None or not _is_inside(toolkit, known.environment):
        return known
    return replace(known, cuda_home=None, bin_dirs=(), library_dirs=())


def _is_inside(toolkit: ToolkitDecision, environment: str) -> bool:
    if toolkit.source == "none" or toolkit.path is None:
        return False
    return toolkit.path == environment or toolkit.path.startswith((f"{environment}/", f"{environment}\\"))
