"""A CUDA toolkit from the package index, put into the environment so that compilers and linkers find all of it."""

from __future__ import annotations

from pathlib import Path

from torchup.model.plan import InstallPackages, MakeLink, Step, WriteFile
from torchup.model.resolution import ToolkitDecision
from torchup.plan.given import PlanInput
from torchup.plan.installers import Installer
from torchup.plan.requirements import offer_lines, requirements_text
from torchup.words import mark, tr

REQUIREMENTS = "torchup-cuda-requirements.txt"
_LINK_WHY = {
    "lib64": mark("nvcc and PyTorch's extension builder look for CUDA's libraries in lib64; the wheels have lib."),
    "lib/libcudart.so": mark("The linker looks for this name; the wheels have it with the version only."),
}


def wheel_home(environment: str, python: str, *, windows: bool) -> str:
    """Tell where the wheels of CUDA 13 put the toolkit: what CUDA_HOME is to name.

    `python` is `3.12` or `3.13t`. The folder is the same for all of CUDA 13 (docs/adr/0015).
    """
    site = Path("Lib/site-packages") if windows else Path("lib") / f"python{python}" / "site-packages"
    return str(Path(environment) / site / "nvidia" / "cu13")


def toolkit_steps(
    given: PlanInput, toolkit: ToolkitDecision, installer: Installer, python: str, constraints: str
) -> list[Step]:
    """Give the steps that put the wheels of `toolkit` into the environment, and the links that they lack.

    `constraints` is the file that keeps PyTorch where it is. Nothing for a toolkit that does not come from wheels.
    """
    if toolkit.source != "wheel" or toolkit.path is None:
        return []
    lines = offer_lines(toolkit.wheels) or _unasked(toolkit)
    pins = tuple(offer.pin for offer in toolkit.wheels) or lines
    path = f"{given.target.path}/{REQUIREMENTS}"
    sizes = [offer.size for offer in toolkit.wheels if offer.size is not None]
    steps: list[Step] = [
        WriteFile(
            id="cuda-requirements",
            summary=tr("Name the exact packages of the CUDA toolkit"),
            why=tr("The installer checks each wheel against the hashes in this file where the source gives them."),
            path=path,
            content=requirements_text(lines),
        ),
        InstallPackages(
            id="cuda-toolkit",
            summary=tr("Install the compiler of CUDA {version} as Python packages", version=toolkit.version),
            why=tr("You asked for nvcc without root; PyTorch and what it is pinned to stay as they are."),
            python=python,
            distributions=pins,
            commands=installer.install_file(python, path, lines, constraints=constraints),
            download_bytes=sum(sizes) if sizes and len(sizes) == len(toolkit.wheels) else None,
        ),
    ]
    return [*steps, *toolkit_links(given, toolkit)]


def toolkit_links(given: PlanInput, toolkit: ToolkitDecision) -> list[Step]:
    """Give the links that a toolkit of wheels lacks; on Windows it lacks none."""
    if toolkit.source != "wheel" or toolkit.path is None or given.facts.os.system == "windows":
        return []
    targets = {"lib64": "lib", "lib/libcudart.so": "libcudart.so.13"}
    return [
        MakeLink(
            id=f"cuda-link:{name}",
            summary=tr("Link {name} to {target} in {folder}", name=name, target=target, folder=toolkit.path),
            why=tr(_LINK_WHY[name]),
            path=f"{toolkit.path}/{name}",
            target=target,
        )
        for name, target in targets.items()
    ]


def _unasked(toolkit: ToolkitDecision) -> tuple[str, ...]:
    """Name the packages by their release, for a machine whose sources nobody asked."""
    return tuple(f"{name}=={toolkit.version}.*" for name in ("nvidia-cuda-nvcc", "nvidia-cuda-crt", "nvidia-nvvm"))
