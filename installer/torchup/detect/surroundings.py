"""What the machine runs inside: WSL, a container, a Jetson board, a cloud; and Secure Boot."""

from __future__ import annotations

import re
from typing import Literal

from torchup.detect.container import read_container
from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.model.facts import ContainerKind, Surroundings
from torchup.words import tr

_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_WSL2_KERNEL = r"(?i)microsoft.*wsl2|wsl2"
_TEGRA = r"nvidia,tegra(\d{3})\b"
_L4T = r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)"
# The device tree writes the second Tegra generations by their chip number, the first ones as X1 and X2.
_TEGRA_NAMES = {"210": "t210", "186": "t186", "194": "t194", "234": "t234", "264": "t264"}


def read_surroundings(host: Host, notes: Notes) -> Surroundings:
    """Read everything about the surroundings of a Linux machine."""
    wsl = read_wsl(host, notes)
    container = read_container(host, notes, wsl=wsl)
    return Surroundings(
        wsl=wsl,
        container=container,
        jetson=read_jetson(host, notes),
        secure_boot=read_secure_boot(host, notes, container),
    )


def read_wsl(host: Host, notes: Notes) -> Literal[0, 1, 2]:
    """Tell which generation of the Windows Subsystem for Linux this is, 0 for none."""
    release = host.read_line("/proc/sys/kernel/osrelease") or ""
    version = host.read_line("/proc/version") or ""
    named = bool(host.environ.get("WSL_DISTRO_NAME") or host.environ.get("WSL_INTEROP")) and host.live
    generation = parse_wsl(release, version, marked=named or host.is_dir("/run/WSL"))
    if generation == 1:
        notes.add(
            "wsl1-without-gpu",
            tr("WSL 1 gives no access to the GPU; `wsl --set-version` turns it into WSL 2."),
            release,
        )
    if generation == 2 and not host.exists("/dev/dxg"):  # noqa: PLR2004 - WSL's own number
        notes.add("wsl-without-dxg", tr("WSL offers no GPU device: /dev/dxg is missing."), release)
    if generation == 2 and "microsoft" not in release.lower():  # noqa: PLR2004 - WSL's own number
        notes.add("wsl-custom-kernel", tr("WSL runs a kernel of your own; GPU support depends on it."), release)
    return generation


def parse_wsl(release: str, version: str, *, marked: bool) -> Literal[0, 1, 2]:
    """Tell the WSL generation from the kernel's release and version.

    Microsoft's WSL 2 kernels end in `microsoft-standard-WSL2` (older ones in `microsoft-standard`); WSL 1
    shows `4.4.0-<build>-Microsoft`. `marked` is any other sign of WSL, for kernels that people built.
    """
    if re.search(_WSL2_KERNEL, release) or "microsoft-standard" in release.lower():
        return 2
    if "microsoft" in release.lower():
        return 1
    if not marked:
        return 0
    return 2 if "microsoft" not in version.lower() or re.search(_WSL2_KERNEL, version) else 1


def read_jetson(host: Host, notes: Notes) -> str | None:
    """Tell a Jetson module by its Tegra chip (`t234`), None on every other machine."""
    compatible = host.read_text("/proc/device-tree/compatible") or ""
    release = host.read_text("/etc/nv_tegra_release") or ""
    chip = parse_tegra(compatible)
    if chip is None and not release:
        return None
    level = parse_l4t(release)
    if level:
        notes.add(
            "jetson-release",
            tr("This Jetson runs Jetson Linux {level}; its driver comes with JetPack.", level=level),
            release.splitlines()[0],
        )
    if chip is None:
        notes.add(
            "jetson-chip-unknown", tr("This is a Jetson, but its chip is not known."), compatible.replace("\0", " ")
        )
        return "unknown"
    return chip


def parse_tegra(compatible: str) -> str | None:
    """Find the Tegra chip in a device tree's `compatible` list, whose entries end in NUL."""
    match = re.search(_TEGRA, compatible)
    return _TEGRA_NAMES.get(match.group(1), f"t{match.group(1)}") if match else None


def parse_l4t(text: str) -> str | None:
    """Parse the first line of /etc/nv_tegra_release into `36.4.3`."""
    match = re.search(_L4T, text)
    return f"{match.group(1)}.{match.group(2)}" if match else None


def read_secure_boot(host: Host, notes: Notes, container: ContainerKind | None) -> bool | None:
    """Tell whether Secure Boot is on; None where the firmware cannot be asked."""
    if not host.is_dir("/sys/firmware/efi"):
        # A container sees no firmware; elsewhere a machine without the folder was not started by UEFI.
        return None if container or not host.is_dir("/sys/firmware") else False
    content = host.read_bytes(_SECURE_BOOT)
    state = parse_secure_boot(content)
    if state is None and container is None:
        notes.add("secure-boot-unknown", tr("The firmware does not tell whether Secure Boot is on."), _SECURE_BOOT)
    return state


def parse_secure_boot(content: bytes | None) -> bool | None:
    """Read the UEFI variable: four bytes of attributes, then 1 for on and 0 for off."""
    if not content or content[-1] not in (0, 1):
        return None
    return content[-1] == 1
