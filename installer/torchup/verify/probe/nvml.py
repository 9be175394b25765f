"""NVIDIA's management library, asked through ctypes."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from typing import Any, Sequence

from .sentences import say

UINT, ULONG = ctypes.c_uint, ctypes.c_ulonglong
RECOVERY_FIELD = 230


class FieldValue(ctypes.Structure):
    """nvmlFieldValue_t; the value is a union of eight bytes, read as an unsigned number."""

    _fields_ = (
        ("field", UINT),
        ("scope", UINT),
        ("timestamp", ctypes.c_longlong),
        ("latency", ctypes.c_longlong),
        ("kind", UINT),
        ("code", UINT),
        ("value", ULONG),
    )


class FabricInfo(ctypes.Structure):
    """nvmlGpuFabricInfo_t; `status` is an nvmlReturn_t, 0 is success."""

    _fields_ = (("cluster", ctypes.c_ubyte * 16), ("status", UINT), ("clique", UINT), ("state", ctypes.c_ubyte))


class ConfidentialState(ctypes.Structure):
    """nvmlConfComputeSystemState_t."""

    _fields_ = (("environment", UINT), ("feature", UINT), ("developer_tools", UINT))


class Nvml:
    """NVIDIA's management library through ctypes; a question that it cannot answer gives None.

    pynvml and nvidia-smi ask this same library, so neither is needed.
    """

    def __init__(self) -> None:
        """Load and start the library; raises OSError where there is none or it does not start."""
        self.library = first_library(
            ["nvml.dll"] if sys.platform == "win32" else ["libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"]
        )
        code = self.library.nvmlInit_v2()
        if code:
            raise OSError(say("NVML answers {code}", code=code))

    def ask(self, function: str, *arguments: Any, kinds: Sequence[Any] = (UINT,)) -> list[int] | None:
        """Call a function with one output for each kind; None where it is missing or answers an error."""
        call = getattr(self.library, function, None)
        outputs = [kind() for kind in kinds]
        if call is None or call(*arguments, *map(ctypes.byref, outputs)):
            return None
        return [output.value for output in outputs]

    def one(self, function: str, *arguments: Any, kind: Any = UINT) -> int | None:
        """Call a function with one output."""
        answer = self.ask(function, *arguments, kinds=(kind,))
        return answer[0] if answer else None

    def count(self) -> int | None:
        """Count the GPUs that the driver serves."""
        return self.one("nvmlDeviceGetCount_v2")

    def handle(self, index: int) -> Any:
        """Find the GPU that CUDA calls by this number, by its PCI address: the two count differently."""
        handle = ctypes.c_void_p()
        address = pci_address(index)
        if address and not self.library.nvmlDeviceGetHandleByPciBusId_v2(address.encode(), ctypes.byref(handle)):
            return handle
        # One GPU cannot be mistaken for another.
        if self.count() == 1 and not self.library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)):
            return handle
        raise OSError(say("NVML does not say which GPU this is"))

    def fabric(self, handle: Any) -> tuple[int, int] | None:
        """Give the state of the NVSwitch fabric, 0 none, 1 not started, 2 in progress, 3 completed, and how it went."""
        call, info = getattr(self.library, "nvmlDeviceGetGpuFabricInfo", None), FabricInfo()
        return None if call is None or call(handle, ctypes.byref(info)) else (int(info.state), int(info.status))

    def is_confidential(self) -> bool:
        """Tell whether confidential computing is on: what goes to the GPU and back is encrypted on the way."""
        call, state = getattr(self.library, "nvmlSystemGetConfComputeState", None), ConfidentialState()
        return call is not None and not call(ctypes.byref(state)) and state.feature == 1

    def recovery(self, handle: Any) -> int | None:
        """Give the action that the driver asks for: 0 none, else a key of RECOVERY."""
        call, value = getattr(self.library, "nvmlDeviceGetFieldValues", None), FieldValue(field=RECOVERY_FIELD)
        if call is None or call(handle, 1, ctypes.byref(value)) or value.code:
            return None
        return int(value.value) & 0xFFFFFFFF


def first_library(names: Sequence[str]) -> Any:
    """Load the first of these libraries that can be loaded."""
    for name in names:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise OSError(say("{library} of the driver is not found", library=Path(names[0]).name))


def pci_address(index: int) -> str | None:
    """Ask CUDA for the PCI address of one of its devices; needs no context on the device."""
    device, text = ctypes.c_int(), ctypes.create_string_buffer(32)
    try:
        library = first_library(["nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"])
    except OSError:
        return None
    if (
        library.cuInit(0)
        or library.cuDeviceGet(ctypes.byref(device), index)
        or library.cuDeviceGetPCIBusId(text, 32, device)
    ):
        return None
    return text.value.decode("ascii", "replace")
