"""conda environments: made by the conda, mamba or micromamba that is there, filled by uv or pip."""

from __future__ import annotations

from pathlib import PurePath

from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.facts import CondaInstall, MachineFacts
from torchup.model.plan import Command
from torchup.model.request import Request

_PREFERENCE = ("mamba", "micromamba", "conda")


def find_conda(facts: MachineFacts) -> CondaInstall:
    """Choose the fastest solver that is there; raises RefusedError with code conda-missing."""
    found = sorted(facts.conda, key=lambda install: _PREFERENCE.index(install.kind))
    if not found:
        raise RefusedError(
            "A conda environment is wished for, and this machine has no conda, mamba or micromamba.",
            code="conda-missing",
            hint="Install one of them, or set environment.kind to venv, which needs none.",
        )
    return found[0]


def conda_prefix(request: Request, facts: MachineFacts, context: Context) -> str:
    """Tell where the environment goes: the path that was asked for, else where `-n NAME` would put it."""
    if not request.is_default("environment.path"):
        return request.environment.path
    conda = find_conda(facts)
    if conda.kind == "micromamba":
        base = PurePath(context.environ.get("MAMBA_ROOT_PREFIX") or context.home / "micromamba")
    else:
        base = PurePath(conda.path).parent.parent
    return str(base / "envs" / request.environment.name)


def create_conda(conda: CondaInstall, prefix: str, python: str, *, offline: bool) -> tuple[Command, ...]:
    """Give the command that makes an environment with a Python of its own; raises RefusedError.

    Free-threaded builds have other names per channel, so `3.13t` is refused (conda-free-threaded).
    """
    if python.endswith("t"):
        raise RefusedError(
            f"A free-threaded Python ({python}) is not planned through conda.",
            code="conda-free-threaded",
            hint="Set environment.kind to venv: uv brings a free-threaded Python.",
        )
    flags = ["--offline"] if offline else []
    argv = (conda.path, "create", "--yes", *flags, "--prefix", prefix, f"python={python}")
    return (Command(argv=argv),)
