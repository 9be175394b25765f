"""Xids, the driver's error numbers, in the log of the kernel."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9A-Fa-f:]+)[^)]*\): (\d+)")
FALLEN = re.compile(r"NVRM: GPU (?:at )?(?:PCI:)?([0-9A-Fa-f:.]+).*fallen off the bus")
# One message of several lines, of a GPU that was gone before the driver could start it (osinit.c of the open modules).
FALLEN_AT_START = re.compile(
    r"NVRM: The NVIDIA GPU ([0-9A-Fa-f:.]+)(?:.*\n)?.*installed in this system has\s*\n.*fallen off the bus"
)
OFF_THE_BUS = 79
# Xids that speak of the hardware; others, such as 13, 31 and 43, come from programs.
XID_CAUSES = {
    48: "ecc-uncorrectable",
    63: "ecc-uncorrectable",
    64: "ecc-uncorrectable",
    94: "ecc-uncorrectable",
    95: "ecc-uncorrectable",
    79: "xid-79-fallen-off-bus",
    62: "gpu-needs-reset",
    74: "gpu-needs-reset",
    119: "gpu-needs-reset",
    120: "gpu-needs-reset",
}


def xids_in(log: str, address: str | None = None) -> list[int]:
    """List the Xid numbers in a kernel log, of the GPU at one address or of all; one off the bus counts as Xid 79."""
    found = [(match.group(1), int(match.group(2))) for match in XID.finditer(log)]
    found += [(match.group(1), OFF_THE_BUS) for form in (FALLEN, FALLEN_AT_START) for match in form.finditer(log)]
    return [number for place, number in found if address is None or slot_of(place) == slot_of(address)]


def slot_of(address: str) -> list[int]:
    """Give domain, bus and device of a PCI address: some have the function behind them, and capital letters vary."""
    return [int(part, 16) for part in re.split("[:.]", address)[:3] if part]


def kernel_log() -> str | None:
    """Read the kernel's log since the start of the machine; None where this user may not."""
    if sys.platform != "linux" or "microsoft" in platform.release().lower():
        return None
    for command in (["dmesg"], ["journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat"]):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
    return None
