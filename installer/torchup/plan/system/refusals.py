"""Where no driver and no toolkit of the system is planned, and what is right there instead."""

from __future__ import annotations

from collections.abc import Sequence

from torchup.errors import RefusedError
from torchup.knowledge.systems import advice_for
from torchup.model.facts import MachineFacts
from torchup.model.plan import Step
from torchup.words import mark, tr

_WINDOWS = mark(
    "Install it by hand: the driver is at nvidia.com/drivers, and its installer takes /s /n (silent, no restart); then run torchup again."
)


def refuse_driver(facts: MachineFacts) -> None:
    """Refuse to plan a driver where it is not this system's own, or not torchup's to install.

    Raises RefusedError: driver-of-host (WSL, containers, Jetson), driver-none (macOS), driver-by-hand (Windows, and
    distributions that go their own way), system-unknown.
    """
    context, system = facts.context, facts.os
    if context.container:
        raise RefusedError(
            tr("A container gets its driver from the host, so none is installed in it."),
            code="driver-of-host",
            evidence=(tr("container: {kind}", kind=context.container),),
            hint=tr("`torchup resolve` says what to do on the host."),
        )
    if context.wsl:
        raise RefusedError(
            tr("WSL gets its driver from Windows, so none is installed in it."),
            code="driver-of-host",
            evidence=(f"WSL {context.wsl}",),
            hint=tr(
                "Install or update the NVIDIA driver on Windows (nvidia.com/drivers), then `wsl --shutdown` in PowerShell."
            ),
        )
    if context.jetson:
        raise RefusedError(
            tr("The driver of a Jetson comes with JetPack, so no other is installed."),
            code="driver-of-host",
            evidence=(f"Jetson {context.jetson}",),
            hint=tr("Update JetPack for a newer driver."),
        )
    if system.system == "darwin":
        raise RefusedError(tr("macOS has no NVIDIA driver."), code="driver-none", hint=tr("PyTorch uses MPS there."))
    if system.system == "windows":
        raise RefusedError(tr("torchup does not install drivers on Windows."), code="driver-by-hand", hint=tr(_WINDOWS))
    if advice := advice_for(system):
        commands = "".join(f"\n    {command}" for command in advice.commands)
        raise RefusedError(
            tr("This distribution has its own way to the driver, and torchup leaves it to that."),
            code="driver-by-hand",
            evidence=(tr(advice.text),),
            hint=tr("Install the driver that way, restart, and run torchup again.{commands}", commands=commands),
        )


def unknown_system(facts: MachineFacts) -> RefusedError:
    """Say that no recipe is about this system; what it is derived from is named, and not acted upon."""
    system = facts.os
    found = tr(
        "{system} {version}{like}, on {arch}",
        system=system.id or tr("a system without a name"),
        version=system.version or tr("of unknown version"),
        like=tr(", like {names}", names=" ".join(system.like)) if system.like else "",
        arch=system.arch,
    )
    return RefusedError(
        tr("torchup has no recipe for the packages of this system, and guesses none."),
        code="system-unknown",
        evidence=(found,),
        hint=tr("Install the driver by the distribution's own means, restart, and run torchup again."),
    )


def refuse_toolkit(facts: MachineFacts) -> None:
    """Refuse to plan a toolkit of the system where it comes another way; raises RefusedError, toolkit-by-hand."""
    if facts.context.jetson:
        why, hint = (
            tr("The CUDA toolkit of a Jetson comes with JetPack."),
            tr("Install it there, and set cuda_toolkit.source to existing."),
        )
    elif facts.os.system == "darwin":
        why, hint = tr("macOS has no CUDA toolkit."), tr("Set cuda_toolkit.source to none.")
    elif facts.os.system == "windows":
        why = tr("torchup does not install CUDA toolkits on Windows.")
        hint = tr(
            "Run cuda_VERSION_windows.exe -s, then set cuda_toolkit.source to existing; or set it to wheel or conda."
        )
    else:
        return
    raise RefusedError(why, code="toolkit-by-hand", hint=hint)


def refuse_below_root(steps: Sequence[Step]) -> None:
    """Refuse steps that change the running system when everything is to go below another root.

    Raises RefusedError, code system-below-root.
    """
    if steps:
        raise RefusedError(
            tr("Drivers and system packages go into the running system, and --root keeps every write below a folder."),
            code="system-below-root",
            evidence=tuple(step.summary for step in steps[:3]),
            hint=tr("Leave --root out, or set driver.action to auto and cuda_toolkit.source to none."),
        )
