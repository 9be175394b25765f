"""conda environments: made by the conda, mamba or micromamba that is there, filled by uv or pip."""

from __future__ import annotations

from pathlib import Path, PurePath, PureWindowsPath

from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.facts import CondaInstall, MachineFacts
from torchup.model.offer import IndexSettings
from torchup.model.plan import Command
from torchup.model.request import EnvironmentWish, Request, SourceWish
from torchup.model.resolution import TorchPick
from torchup.plan.child_environment import installer_environment
from torchup.words import mark, tr

_PREFERENCE = ("mamba", "micromamba", "conda")


def find_conda(facts: MachineFacts, *, what: str = mark("A conda environment")) -> CondaInstall:
    """Choose the fastest solver that is there; raises RefusedError with code conda-missing."""
    found = sorted(facts.conda, key=lambda install: _PREFERENCE.index(install.kind))
    if not found:
        raise RefusedError(
            tr("{what} is wished for, and this machine has no conda, mamba or micromamba.", what=tr(what)),
            code="conda-missing",
            hint=tr(
                "Install one of them: Miniforge brings conda and mamba, micromamba is a single program. torchup finds it by PATH, CONDA_EXE or MAMBA_EXE, or in its usual folder. A venv (environment.kind) needs none."
            ),
        )
    return found[0]


def conda_prefix(request: Request, facts: MachineFacts, context: Context) -> str:
    """Tell where the environment goes: the path that was asked for, else where `-n NAME` would put it.

    The default path is no wish, also where a complete answers file spells it out.
    """
    if request.environment.path != EnvironmentWish().path:
        return request.environment.path
    return named_prefix(find_conda(facts), request.environment.name, facts, context)


def named_prefix(conda: CondaInstall, name: str, facts: MachineFacts, context: Context) -> str:
    """Tell where `-n NAME` would put an environment."""
    windows = facts.os.system == "windows"
    if conda.kind == "micromamba":
        base: PurePath = PurePath(context.environ.get("MAMBA_ROOT_PREFIX") or context.home / "micromamba")
    else:
        base = (PureWindowsPath if windows else PurePath)(conda.path).parent.parent
    return str(base / "envs" / name)


def python_specs(python: str) -> tuple[str, ...]:
    """Name what every environment gets; raises RefusedError with code conda-free-threaded.

    Free-threaded builds have other names per channel, so `3.13t` is refused. Without a pip of its own, `pip`
    in the active environment would be that of conda's base.
    """
    if python.endswith("t"):
        raise RefusedError(
            tr("A free-threaded Python ({python}) is not planned through conda.", python=python),
            code="conda-free-threaded",
            hint=tr("Set environment.kind to venv: uv brings a free-threaded Python."),
        )
    return (f"python={python}", "pip")


def torch_specs(pick: TorchPick) -> tuple[str, ...]:
    """Name PyTorch's packages where the pick comes from a conda channel: the release, and the kind of build.

    conda alone would take a CPU build where that solves more easily.
    """
    if pick.source != "conda":
        return ()
    kind = f"cuda{pick.variant[2:]}" if pick.variant.startswith("cu") else pick.variant
    names = {offer.package: offer.filename.partition(f"-{offer.version}-")[0] for offer in pick.wheels}
    return tuple(f"{names[offer.package]}={offer.version}={kind}*" for offer in pick.wheels)


def create_conda(
    conda: CondaInstall, prefix: str, specs: tuple[str, ...], *, wish: SourceWish, environment: dict[str, str]
) -> tuple[Command, ...]:
    """Give the command that makes an environment; it never asks, and takes only the channels that are named.

    The options are those that conda, mamba and micromamba share.
    """
    channels = [word for channel in wish.conda_channels for word in ("--channel", channel)]
    flags = [*(["--override-channels", *channels] if channels else []), *(["--offline"] if wish.offline else [])]
    argv = (conda.path, "create", "--yes", "--quiet", *flags, "--prefix", prefix, *specs)
    return (Command(argv=argv, environment=environment),)


def conda_environment(settings: IndexSettings, context: Context) -> dict[str, str]:
    """Give what is added for conda and its kin: proxy and CA bundle, and that nothing is noted elsewhere.

    They would write the prefix into `~/.conda/environments.txt`, where an undo does not reach.
    """
    added = installer_environment(settings, context, pip=False)
    added = {name: value for name, value in added.items() if not name.startswith(("UV_", "PIP_"))}
    added |= {"CONDA_REGISTER_ENVS": "false", "MAMBA_REGISTER_ENVS": "false"}
    if settings.ca_bundle:
        names = ("CONDA_SSL_VERIFY", "MAMBA_SSL_VERIFY", "REQUESTS_CA_BUNDLE")
        added |= dict.fromkeys(names, settings.ca_bundle)
    if context.root != Path("/"):
        added |= dict.fromkeys(("CONDA_PKGS_DIRS", "MAMBA_PKGS_DIRS"), str(context.places.cache / "conda"))
    return added
