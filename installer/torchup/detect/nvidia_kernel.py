"""The kernel's side of the NVIDIA driver: module, flavour, device nodes, and what stands in its way."""

from __future__ import annotations

import re
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.operating_system import kernel_release
from torchup.detect.pci import parse_address
from torchup.model.facts import Gpu, KernelModule
from torchup.words import tr

_VERSION = r"NVRM version:.*?Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)"
_GPUS = "/proc/driver/nvidia/gpus"
_NODE = r"nvidia\d+"
_MODULE_FILE = r"(?m)(?:^|/)nvidia(?:-current)?\.ko(?:\.\w+)?:"


class KernelView(NamedTuple):
    """What the kernel shows of the NVIDIA driver.

    `control_node` and `device_nodes` tell whether /dev/nvidiactl and at least one /dev/nvidia<n> exist,
    `closed_nodes` which of them we may not open. `gpus` are those the module has taken, in NVML's order.
    """

    loaded: bool = False
    version: str | None = None
    flavour: KernelModule | None = None
    control_node: bool = False
    device_nodes: bool = False
    closed_nodes: tuple[str, ...] = ()
    gpus: tuple[Gpu, ...] = ()


def read_kernel(host: Host) -> KernelView:
    """Read the module's version and flavour, its device nodes and the GPUs it serves."""
    text = host.read_text("/proc/driver/nvidia/version")
    version, flavour = parse_version(text or "")
    nodes = [name for name in host.names("/dev") if re.fullmatch(_NODE, name)]
    paths = [f"/dev/{name}" for name in nodes]
    control = host.exists("/dev/nvidiactl")
    if control:
        paths.append("/dev/nvidiactl")
    return KernelView(
        loaded=text is not None or host.is_dir("/sys/module/nvidia"),
        version=version or host.read_line("/sys/module/nvidia/version"),
        flavour=flavour,
        control_node=control,
        device_nodes=bool(nodes),
        closed_nodes=tuple(path for path in paths if host.live and not host.accessible(path)),
        gpus=_read_gpus(host),
    )


def parse_version(text: str) -> tuple[str | None, KernelModule | None]:
    """Parse /proc/driver/nvidia/version into the module's version and flavour."""
    match = re.search(_VERSION, text)
    if match is None:
        return None, None
    return match.group(1), "open" if "Open Kernel Module" in match.group(0) else "proprietary"


def parse_information(text: str) -> dict[str, str]:
    """Parse /proc/driver/nvidia/gpus/<address>/information, lines of `key: value`."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip()}


def note_kernel_obstacles(host: Host, notes: Notes, *, secure_boot: bool | None, kernel: KernelView) -> None:
    """Note what keeps a driver from being built or loaded for the running kernel."""
    release = kernel_release(host)
    if release is None:
        return
    modules = f"/lib/modules/{release}"
    if not host.is_dir(modules):
        text = tr("The modules of the running kernel are not on disk; it was updated, and a reboot starts the new one.")
        if host.is_dir("/lib/modules") and host.names("/lib/modules"):
            notes.add("kernel-modules-missing", text, modules)
        return
    if not host.is_dir(f"{modules}/build"):
        text = tr("The headers of the running kernel are not installed; a driver cannot be built without them.")
        notes.add("kernel-headers-missing", text, f"{modules}/build")
    if kernel.loaded:
        return
    built = has_nvidia_module(host)
    if not built and (versions := host.names("/var/lib/dkms/nvidia")):
        text = tr("The NVIDIA driver is installed, but its module was not built for the running kernel.")
        notes.add(
            "nvidia-module-not-built",
            text,
            tr("{release}; dkms has nvidia {versions}", release=release, versions=", ".join(versions)),
        )
    if built and secure_boot:
        text = tr(
            "The NVIDIA module exists but is not loaded, and Secure Boot is on: its signing key may not be enrolled."
        )
        notes.add("nvidia-module-unsigned", text, tr("{modules}, Secure Boot enabled", modules=modules))


def has_nvidia_module(host: Host) -> bool:
    """Tell whether the running kernel has an NVIDIA module on disk, by its list of modules."""
    listing = host.read_text(f"/lib/modules/{kernel_release(host)}/modules.dep") or ""
    # The list has thousands of lines; most machines without the driver do not have the word in it.
    return "nvidia" in listing and re.search(_MODULE_FILE, listing) is not None


def _read_gpus(host: Host) -> tuple[Gpu, ...]:
    gpus: list[Gpu] = []
    for name in host.names(_GPUS):
        values = parse_information(host.read_text(f"{_GPUS}/{name}/information") or "")
        if not values:
            continue
        uuid = values.get("GPU UUID", "")
        gpus.append(
            Gpu(
                index=len(gpus),
                vendor="nvidia",
                name=values.get("Model"),
                pci_address=parse_address(values.get("Bus Location", name)),
                uuid=uuid if uuid.startswith("GPU-") and "?" not in uuid else None,
                source="proc",
            )
        )
    return tuple(gpus)
