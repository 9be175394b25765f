"""Xids, the driver's error numbers, in the log of the kernel."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

XID = re.compile(
    r"NVRM: Xid \((?:PCI:)?([0-9A-Fa-f:]+)[^)]*\): (\d+)|NVRM: GPU (?:at )?(?:PCI:)?([0-9A-Fa-f:.]+).*fallen off the bus"
)
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


def xids_in(log: str) -> list[int]:
    """List the Xid numbers in a kernel log; a GPU that has fallen off the bus counts as 79."""
    return [int(match.group(2) or 79) for match in XID.finditer(log)]


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
