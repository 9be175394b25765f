"""Machines and a resolver with known results, for the tests of the wizard."""

from __future__ import annotations

from collections.abc import Callable

from torchup.answers.values import value_at, write_value
from torchup.errors import UsageError
from torchup.model.facts import (
    CondaInstall,
    Gpu,
    MachineFacts,
    NvidiaDriver,
    OperatingSystem,
    Python,
    Shells,
    Toolkit,
)
from torchup.model.request import Request
from torchup.model.resolution import (
    DriverDecision,
    NextStep,
    Reason,
    Resolution,
    ToolkitDecision,
    TorchPick,
)
from torchup.ui.wizard import Danger, ReviewText

LINUX = OperatingSystem(system="linux", id="debian", version="12", arch="x86_64", libc="glibc", libc_version="2.36")
OLD_CARD = Gpu(index=0, vendor="nvidia", name="NVIDIA GeForce GTX 1080 Ti", compute_capability="6.1", memory_mib=11264)
NEW_CARD = Gpu(index=1, vendor="nvidia", name="NVIDIA GeForce RTX 4090", compute_capability="8.9", memory_mib=24564)
DRIVER = NvidiaDriver(state="ok", driver_version="580.65.06", cuda_version="13.0")
BOTH_PYTHONS = (
    Python(path="/usr/bin/python3.11", version="3.11.7"),
    Python(path="/usr/local/bin/python3.12", version="3.12.4"),
)
SHELLS = Shells(login="bash", current="zsh", installed=("bash", "zsh", "fish"))

NO_GPU = MachineFacts(os=LINUX, gpus=(), pythons=BOTH_PYTHONS[:1], shells=SHELLS)
WORKSTATION = MachineFacts(
    os=LINUX,
    gpus=(OLD_CARD, NEW_CARD),
    nvidia=DRIVER,
    pythons=BOTH_PYTHONS,
    shells=SHELLS,
    toolkits=(Toolkit(version="12.6", path="/usr/local/cuda-12.6", nvcc=True),),
    conda=(CondaInstall(kind="conda", path="/opt/conda/bin/conda"),),
)
NO_DRIVER = MachineFacts(
    os=LINUX, gpus=(NEW_CARD,), nvidia=NvidiaDriver(state="missing"), pythons=BOTH_PYTHONS[:1], shells=SHELLS
)


def machine_resolver(facts: MachineFacts) -> Callable[[Request], Resolution]:
    """Give a resolver with the results that the tests expect, in place of the real one and its offers."""

    def resolve(request: Request) -> Resolution:
        if request.torch.variant == "cu118":
            raise UsageError("No source has cu118.", code="no-such-variant", hint="Take cu126.")
        if request.torch.variant == "rocm7.2":
            return Resolution(
                status="no_solution",
                driver=DriverDecision(action="keep"),
                cuda_toolkit=ToolkitDecision(source="none"),
                reasons=(Reason(code="no-amd", text="ROCm builds need an AMD GPU, and there is none."),),
                facts_as_of="2026-11-21",
            )
        cpu = not facts.gpus or request.torch.variant == "cpu"
        new_only = request.gpus.use == (1,)
        variant = "cpu" if cpu else "cu130" if new_only else "cu126"
        version = "2.15.0" if cpu or new_only else "2.14.1"
        reason = {
            "cpu": "There is no GPU in use.",
            "cu130": "The driver runs CUDA 13.0.",
            "cu126": "cu126 is the last build with code for compute capability 6.1 (GTX 1080 Ti).",
        }[variant]
        python = request.python.version if request.python.version != "auto" else "3.12"
        missing = facts.nvidia is not None and facts.nvidia.state == "missing" and not cpu
        action = "install" if missing else "keep" if facts.nvidia else "none"
        return Resolution(
            status="action_needed" if missing and request.driver.action != "install" else "ok",
            torch=TorchPick(
                version=version, variant=variant, python=python, index="https://index.example", source="pytorch"
            ),
            driver=DriverDecision(action=action, branch="580" if missing else None),  # type: ignore[arg-type]
            cuda_toolkit=ToolkitDecision(source="none"),
            reasons=(Reason(code="why", text=reason),),
            next_steps=(NextStep(text="Install the driver, branch 580."),) if missing else (),
            facts_as_of="2026-11-21",
        )

    return resolve


def review(request: Request, resolution: Resolution) -> ReviewText:
    """Give a review screen of the kind that the program makes from a plan."""
    shells = request.shell.shells if isinstance(request.shell.shells, str) else " ".join(request.shell.shells)
    variant = resolution.torch.variant if resolution.torch else "nothing"
    return ReviewText(
        body=(f"REVIEW {variant} in {request.environment.path} for {shells}", "Writes /home/ada/.bashrc"),
        ready=resolution.status == "ok",
        dangers=(Danger(question="Install driver 580 as root?"),) if request.driver.action == "install" else (),
        details={"~/.config/torchup/env.sh": ("+ . ~/.config/torchup/env.sh",)},
    )


def shown(request: Request, key: str) -> str:
    """Give a value as text, for comparison outside the process."""
    return write_value(value_at(request, key))
