"""The devices that torch can use, and those on the PCI bus."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

from .bench import MIB, Wishes


def gpu_is_expected(wishes: Wishes) -> bool:
    """Tell whether a GPU ought to be usable: by what was said, else by what is on the bus."""
    if wishes.gpu_expected != "auto":
        return wishes.gpu_expected == "yes"
    return bool(nvidia_on_bus("/sys/bus/pci/devices")) or os.path.exists("/usr/lib/wsl/lib/libcuda.so.1")  # noqa: PTH110 - one look


def nvidia_on_bus(folder: str) -> list[str]:
    """List the PCI addresses of NVIDIA display and 3D controllers (vendor 10de, class 0300 or 0302)."""
    found = []
    for device in sorted(Path(folder).glob("*")):
        with contextlib.suppress(OSError):
            vendor = (device / "vendor").read_text(encoding="ascii").strip()
            kind = (device / "class").read_text(encoding="ascii").strip()
            if vendor == "0x10de" and kind[:6] in ("0x0300", "0x0302"):
                found.append(device.name)
    return found


def devices_of(torch: Any) -> list[dict[str, Any]]:
    """List the accelerators that torch can use, best kind first."""
    if torch.cuda.is_available():
        kind = "hip" if getattr(torch.version, "hip", None) else "cuda"
        return [describe_cuda(torch, index, kind) for index in range(torch.cuda.device_count())]
    xpu = getattr(torch, "xpu", None)
    if xpu is not None and xpu.is_available():
        return [
            {"device": f"xpu:{index}", "kind": "xpu", "name": str(xpu.get_device_name(index))}
            for index in range(xpu.device_count())
        ]
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        return [{"device": "mps", "kind": "mps", "name": f"Apple GPU ({platform.machine()})"}]
    return []


def describe_cuda(torch: Any, index: int, kind: str) -> dict[str, Any]:
    """Describe one CUDA or ROCm device."""
    device: dict[str, Any] = {"device": f"cuda:{index}", "kind": kind, "name": str(torch.cuda.get_device_name(index))}
    properties = torch.cuda.get_device_properties(index)
    if kind == "cuda":
        device["capability"] = ".".join(map(str, torch.cuda.get_device_capability(index)))
    else:
        device["gfx"] = str(getattr(properties, "gcnArchName", "")).partition(":")[0]
    memory = getattr(properties, "total_memory", None)
    if memory:
        device["memory_mib"] = int(memory) // MIB
    return device
