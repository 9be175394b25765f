"""Whether torch sees the GPUs, and why not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import warnings
from pathlib import Path
from typing import Any, Mapping

from .bench import Bench
from .build import variant_of
from .devices import devices_of, gpu_is_expected, nvidia_on_bus
from .excerpts import first_line
from .nvml import UINT, Nvml
from .processes import ask_python
from .result import Result
from .sentences import SEMICOLON, listed, say
from .symptoms import CUINIT_CAUSES, cause_of

MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


def check_visible(bench: Bench) -> Result:
    """Count the devices that torch can use, and find out why when there are none."""
    torch, wishes = bench.torch, bench.wishes
    devices = devices_of(torch)
    masks = {name: os.environ[name] for name in MASKS if name in os.environ}
    masked = ", ".join(f"{name}={value!r}" for name, value in masks.items())
    if devices:
        names = ", ".join(device["name"] for device in devices)
        detail = say("{devices} (limited by {masks})", devices=names, masks=masked) if masked else names
        on_bus, served = count_nvidia() if devices[0]["kind"] == "cuda" else (0, 0)
        # A container sees the bus of the whole machine, and CUDA shows one slice of MIG only.
        present = served if in_container() else max(on_bus, served)
        if present > len(devices) and not masked and "MIG" not in names:
            text = say(
                "{present} GPUs are on the PCI bus, the driver serves {served}, torch sees {seen}: {devices}",
                present=on_bus,
                served=served,
                seen=len(devices),
                devices=detail,
            )
            return Result("warn", len(devices), "GPUs", present, text, "gpu-not-served", {"devices": devices})
        return Result("pass", len(devices), "GPUs", None, detail, None, {"devices": devices})
    cpu = {"devices": [{"device": "cpu", "kind": "cpu", "name": platform.processor() or platform.machine()}]}
    built = variant_of(torch)
    if not gpu_is_expected(wishes):
        if wishes.variant and wishes.variant.startswith(("cu", "rocm", "xpu")) and built != "cpu":
            text = say("the {build} build sees no GPU here, so only the CPU is tested", build=built)
            return Result("warn", 0, "GPUs", None, text, "no-gpu-to-test", cpu)
        return Result("pass", 0, "GPUs", None, say("no GPU is expected here; the CPU is tested"), None, cpu)
    if built == "cpu":
        text = say("the machine has a GPU, but a CPU build cannot use it; only the CPU is tested")
        return Result("warn", 0, "GPUs", None, text, "cpu-wheel-installed", cpu)
    why, cause = diagnose_no_gpu(torch, built, masks)
    text = say("the {build} build cannot use the GPU: {reason}", build=built, reason=why)
    return Result("fail", 0, "GPUs", 1, text, cause, {"devices": []})


def in_container() -> bool:
    """Tell whether this is a container, whose /sys and /proc are those of the machine around it."""
    variables = ("NVIDIA_VISIBLE_DEVICES", "KUBERNETES_SERVICE_HOST", "container")
    return any(os.environ.get(name) for name in variables) or any(
        Path(name).exists() for name in ("/.dockerenv", "/run/.containerenv")
    )


def count_nvidia() -> tuple[int, int]:
    """Count the NVIDIA GPUs on the PCI bus and those that the driver serves."""
    served = 0 if in_container() else len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    with contextlib.suppress(OSError):
        served = Nvml().count() or served
    return len(nvidia_on_bus("/sys/bus/pci/devices")), served


def only_empty_mig() -> bool:
    """Tell whether every GPU is split by MIG, and none has an instance."""
    with contextlib.suppress(OSError):
        nvml, empty = Nvml(), []
        for index in range(nvml.count() or 0):
            handle, instance = ctypes.c_void_p(), ctypes.c_void_p()
            nvml.library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
            mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
            first = getattr(nvml.library, "nvmlDeviceGetMigDeviceHandleByIndex", None)
            empty.append(bool(mode and mode[0] and first and first(handle, 0, ctypes.byref(instance))))
        return bool(empty) and all(empty)
    return False


def diagnose_no_gpu(torch: Any, built: str, masks: Mapping[str, str]) -> tuple[str, str | None]:
    """Find out why a GPU build sees no GPU: what it says itself, what a run without masks sees, what cuInit answers."""
    if masks:
        clean = {name: value for name, value in os.environ.items() if name not in MASKS}
        count = ask_python(["import torch; print(torch.cuda.device_count())"], clean)
        if count.isdigit() and int(count):
            hidden = ", ".join(f"{name}={value!r}" for name, value in masks.items())
            return say("{masks} hides {count} of them", masks=hidden, count=count), "cuda-visible-devices-hides-gpu"
    said = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (torch.xpu if built == "xpu" else torch.cuda).init()
        except Exception as error:  # noqa: BLE001 - its text is the evidence
            said = str(error)
    said = said or " ".join(str(warning.message) for warning in caught)
    said = first_line(said) or say("it gives no reason")
    if built == "xpu":
        return said, "xpu-driver-missing"
    if built.startswith("rocm"):
        if Path("/dev/kfd").exists() and not os.access("/dev/kfd", os.R_OK | os.W_OK):
            return say("{reason}; /dev/kfd may not be opened by this user", reason=said), "rocm-kfd-permission"
        return said, cause_of(said)
    answer = ask_python([CUINIT])
    code = int(answer) if answer.lstrip("-").isdigit() else None
    answered = say("{reason} (cuInit answers {code})", reason=said, code=str(code))
    if code in CUINIT_CAUSES:
        return answered, CUINIT_CAUSES[code]
    if code is None:
        cause = "wsl-libcuda-not-on-path" if Path("/usr/lib/wsl/lib/libcuda.so.1").exists() else "driver-missing"
        if Path("/sys/module/nouveau").exists():
            cause = "nouveau-loaded"
        elif Path("/proc/driver/nvidia/version").exists() and in_container():
            cause = "container-driver-capabilities"
        return say("{reason} (the driver's libcuda is not found)", reason=said), cause_of(said) or cause
    if only_empty_mig():
        return listed([answered, say("MIG is on and has no instance")], SEMICOLON), "mig-no-instance"
    return answered, cause_of(said)


CUINIT = """
import ctypes, sys
library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
print(library.cuInit(0))
"""
