"""What each NVML return code means for the driver's state."""

from __future__ import annotations

from typing import NamedTuple

from torchup.model.facts import DriverState
from torchup.words import mark, tr


class NvmlError(NamedTuple):
    """A return code of NVML: the finding's code, a sentence, and the driver state it stands for."""

    code: str
    text: str
    state: DriverState


# nvmlReturn_t of nvml.h (driver branch 615).
_ERRORS: dict[int, tuple[str, str, DriverState]] = {
    1: (
        "uninitialized",
        mark("NVML says it was not initialised, which points to a damaged driver installation."),
        "error",
    ),
    2: ("invalid-argument", mark("NVML refused an argument, which points to a damaged driver installation."), "error"),
    3: ("not-supported", mark("NVML does not support this on this device."), "error"),
    4: (
        "no-permission",
        mark("NVML may not talk to the driver: the permissions on /dev/nvidia* are too narrow."),
        "no_permission",
    ),
    5: (
        "already-initialized",
        mark("NVML says it was initialised before, which points to a damaged driver installation."),
        "error",
    ),
    6: ("not-found", mark("NVML did not find what was asked for."), "error"),
    7: (
        "insufficient-size",
        mark("NVML found a buffer too small, which points to a damaged driver installation."),
        "error",
    ),
    8: (
        "insufficient-power",
        mark("The GPU lacks power: its external power cables are not connected properly."),
        "error",
    ),
    9: (
        "driver-not-loaded",
        mark("The NVIDIA driver is installed, but its kernel module is not loaded."),
        "not_loaded",
    ),
    10: ("timeout", mark("NVML gave up waiting for the driver."), "error"),
    11: ("irq-issue", mark("The NVIDIA kernel module has a problem with the GPU's interrupts."), "error"),
    12: ("library-not-found", mark("NVML's library libnvidia-ml.so.1 was not found."), "missing"),
    13: ("function-not-found", mark("NVML's library is too old for this call."), "error"),
    14: ("corrupted-inforom", mark("The GPU's InfoROM is damaged."), "error"),
    15: (
        "gpu-is-lost",
        mark("The GPU fell off the bus; the machine needs a cold start, or the card is broken."),
        "error",
    ),
    16: ("reset-required", mark("The GPU has to be reset before it can be used again."), "error"),
    17: ("operating-system", mark("The operating system blocks the access to the GPU."), "error"),
    18: (
        "driver-library-mismatch",
        mark(
            "The loaded NVIDIA kernel module and the driver's libraries have different versions; a reboot loads the new module."
        ),
        "mismatch",
    ),
    19: ("in-use", mark("The GPU is in use in a way that keeps NVML out."), "error"),
    20: ("memory", mark("NVML ran out of memory."), "error"),
    21: ("no-data", mark("NVML has no data."), "error"),
    22: ("vgpu-ecc-not-supported", mark("The virtual GPU cannot run because ECC is enabled."), "error"),
    23: ("insufficient-resources", mark("NVML lacks resources other than memory."), "error"),
    24: (
        "frequency-not-supported",
        mark("NVML does not know a frequency, which points to a damaged driver installation."),
        "error",
    ),
    25: (
        "argument-version-mismatch",
        mark(
            "NVML's library and its caller disagree about a structure, which points to a damaged driver installation."
        ),
        "error",
    ),
    26: ("deprecated", mark("NVML's library no longer offers this call."), "error"),
    27: ("not-ready", mark("The system is not ready for the request yet."), "error"),
    28: ("gpu-not-found", mark("NVML found no GPU."), "error"),
    29: ("invalid-state", mark("The GPU or the driver is in a state in which this cannot be asked."), "error"),
    30: (
        "reset-type-not-supported",
        mark("NVML does not know a kind of reset, which points to a damaged driver installation."),
        "error",
    ),
    999: (
        "unknown",
        mark("NVML met an internal driver error; in a container this follows a reload of the host's services."),
        "error",
    ),
}

LIBRARY_NOT_FOUND = 12
FUNCTION_NOT_FOUND = 13
DRIVER_NOT_LOADED = 9
QUIET = frozenset({3, FUNCTION_NOT_FOUND, 26})
"""Answers that an optional question may get on a healthy machine."""


def nvml_error(number: int) -> NvmlError:
    """Look a return code up; one that is newer than the table is an error of its own."""
    if number not in _ERRORS:
        text = tr("NVML returned the unknown code {number}.", number=number)
        return NvmlError(code=f"nvml-error-{number}", text=text, state="error")
    slug, text, state = _ERRORS[number]
    return NvmlError(code=f"nvml-{slug}", text=tr(text), state=state)
