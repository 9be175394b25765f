"""A CUDA toolkit from conda-forge: which packages, in which environment, and the CUDA_HOME that comes of it.

The new conda environment of PyTorch gets it inside. Every other environment gets a conda environment beside
it that holds the toolkit alone: nothing that is there is changed, and undo removes it as a whole.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings
from torchup.model.plan import CreateEnvironment, MakeDirectory, Step
from torchup.model.request import Request
from torchup.model.resolution import ToolkitDecision
from torchup.plan.conda import conda_environment, create_conda, find_conda, named_prefix
from torchup.plan.conda_layout import cuda_home_in, nvcc_below
from torchup.words import mark, tr

# The compiler, and the headers and libraries that PyTorch's extension builder compiles against (conda-forge).
PACKAGES = ("cuda-nvcc", "cuda-cudart-dev", "cuda-libraries-dev")
_FIRST_MAJOR = 12


def toolkit_specs(toolkit: ToolkitDecision, *, cudnn: bool) -> tuple[str, ...]:
    """Name the packages; `cuda-version` holds all of them at one release. Empty for another source.

    Raises RefusedError with code conda-toolkit-too-old: before CUDA 12 conda-forge has no nvcc.
    """
    if toolkit.source != "conda" or toolkit.version is None:
        return ()
    if int(toolkit.version.partition(".")[0]) < _FIRST_MAJOR:
        raise RefusedError(
            tr(
                "conda-forge has no CUDA {version} compiler: its packages of this form begin with CUDA 12.0.",
                version=toolkit.version,
            ),
            code="conda-toolkit-too-old",
            hint=tr(
                "Set cuda_toolkit.source to system or existing, or choose a build of PyTorch for CUDA 12 or newer."
            ),
        )
    return (f"cuda-version={toolkit.version}", *PACKAGES, *(["cudnn"] if cudnn else []))


def place_conda_toolkit(
    toolkit: ToolkitDecision, *, request: Request, facts: MachineFacts, context: Context, environment: str
) -> ToolkitDecision:
    """Complete the decision for source `conda` with its CUDA_HOME; raises RefusedError with code conda-missing."""
    if toolkit.source != "conda":
        return toolkit
    prefix = _prefix(toolkit, request, facts, context, environment)
    return replace(toolkit, path=cuda_home_in(prefix, facts.os))


def conda_toolkit_steps(
    toolkit: ToolkitDecision,
    *,
    request: Request,
    facts: MachineFacts,
    context: Context,
    settings: IndexSettings,
) -> list[Step]:
    """Plan the environment that holds the toolkit alone; none where PyTorch's own gets it, or it comes elsewhence."""
    if toolkit.source != "conda" or toolkit.path is None or request.environment.kind == "conda":
        return []
    prefix = toolkit.path.removesuffix("\\Library")
    conda = find_conda(facts)
    parent = str(PurePath(prefix).parent)
    why = tr(
        "Compiling needs CUDA {version}; an environment of its own leaves every other one as it is.",
        version=toolkit.version,
    )
    specs = toolkit_specs(toolkit, cudnn=request.cuda_toolkit.cudnn)
    commands = create_conda(conda, prefix, specs, wish=request.source, environment=conda_environment(settings, context))
    return [
        MakeDirectory(id="cuda-toolkit-folder", summary=tr("Make {path}", path=parent), why=why, path=parent),
        CreateEnvironment(
            id="cuda-toolkit",
            summary=tr("Put the CUDA {version} toolkit into {prefix}", version=toolkit.version, prefix=prefix),
            why=why,
            path=prefix,
            python="",
            provides=(nvcc_below(facts.os),),
            commands=commands,
        ),
    ]


def _prefix(toolkit: ToolkitDecision, request: Request, facts: MachineFacts, context: Context, environment: str) -> str:
    conda = find_conda(facts, what=mark("A CUDA toolkit from conda"))
    if request.environment.kind == "conda":
        return environment
    place = named_prefix(conda, f"cuda-{toolkit.version}", facts, context)
    return place if facts.os.system == "windows" else str(context.below_root(context.cwd / place))
