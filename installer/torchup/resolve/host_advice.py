"""What a person does where the driver is not this system's own: WSL, containers, Jetson."""

from __future__ import annotations

from dataclasses import replace

from torchup.model.facts import ContainerKind, MachineFacts
from torchup.model.resolution import NextStep
from torchup.words import mark, tr

_TOOLKIT = NextStep(
    text=mark(
        "Install the NVIDIA container toolkit on the host, beside its driver, from the repository at nvidia.github.io/libnvidia-container: with apt, or else with dnf or zypper."
    ),
    commands=("sudo apt-get install -y nvidia-container-toolkit", "sudo dnf -y install nvidia-container-toolkit"),
)

_CONTAINERS: dict[ContainerKind, tuple[NextStep, ...]] = {
    "docker": (
        _TOOLKIT,
        NextStep(
            text=mark("Let Docker on the host use the container toolkit."),
            commands=("sudo nvidia-ctk runtime configure --runtime=docker", "sudo systemctl restart docker"),
        ),
        NextStep(text=mark("Start the container with GPUs."), commands=("docker run --gpus all ...",)),
    ),
    "podman": (
        _TOOLKIT,
        NextStep(
            text=mark("Describe the GPUs on the host for the container device interface (CDI)."),
            commands=("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",),
        ),
        NextStep(text=mark("Start the container with GPUs."), commands=("podman run --device nvidia.com/gpu=all ...",)),
    ),
    "kubernetes": (
        NextStep(
            text=mark(
                "Let the cluster's NVIDIA device plugin (or GPU operator) run on this node, and ask for a GPU in the pod: resources.limits with nvidia.com/gpu: 1."
            ),
            commands=("kubectl describe node | grep nvidia.com/gpu",),
        ),
    ),
    "lxc": (
        _TOOLKIT,
        NextStep(
            text=mark("Pass the GPU into the container on the host."),
            commands=(
                "lxc config device add <container> gpu gpu",
                "lxc config set <container> nvidia.runtime true",
                "lxc restart <container>",
            ),
        ),
    ),
    "apptainer": (
        NextStep(text=mark("Start the container with the host's driver."), commands=("apptainer exec --nv ...",)),
    ),
    "other": (
        NextStep(text=mark("Restart the container with the host's GPU devices and driver libraries passed into it.")),
    ),
}

_WSL1 = NextStep(
    text=mark("WSL 1 has no access to the GPU: change this distribution to WSL 2, in PowerShell on Windows."),
    commands=("wsl --set-version <distribution> 2",),
)
_WSL2 = NextStep(
    text=mark(
        "Install or update the NVIDIA driver on the Windows side (nvidia.com/drivers), then restart WSL from PowerShell; install no driver inside WSL."
    ),
    commands=("wsl --update", "wsl --shutdown"),
)
_JETSON = NextStep(
    text=mark(
        "The driver of a Jetson comes with JetPack: update JetPack for a newer one, and install no driver package. NVIDIA's own PyTorch builds for this JetPack are on the Jetson AI Lab index (jetson-ai-lab.io, such as jp6/cu126)."
    ),
)


def driver_owner(facts: MachineFacts) -> str | None:
    """Name who brings the driver where it is not this system; None where a driver can be installed here."""
    if facts.context.container:
        return tr("the host of this container")
    if facts.context.wsl:
        return "Windows"
    return "JetPack" if facts.context.jetson else None


def host_steps(facts: MachineFacts, minimum: str | None) -> tuple[NextStep, ...]:
    """Say what to do on the other side; `minimum` is the driver wanted there, None when any that works will do."""
    newer = (NextStep(text=tr("The driver there has to be {minimum} or newer.", minimum=minimum)),) if minimum else ()
    if facts.context.container:
        if minimum:
            return (
                NextStep(
                    text=tr(
                        "Update the NVIDIA driver on the host to {minimum} or newer, then restart the container.",
                        minimum=minimum,
                    )
                ),
            )
        return _said(*_CONTAINERS[facts.context.container])
    if facts.context.wsl:
        return _said(_WSL1) if facts.context.wsl == 1 else (*_said(_WSL2), *newer)
    return _said(_JETSON)


def _said(*steps: NextStep) -> tuple[NextStep, ...]:
    return tuple(replace(step, text=tr(step.text)) for step in steps)
