"""Whether the driver and the kernel call a GPU sound, before the test and after it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Mapping

from .bench import Bench, index_of
from .nvml import UINT, ULONG, Nvml
from .result import Result, Skip
from .xids import XID_CAUSES, kernel_log, xids_in

# Field values and enumerations from nvml.h.
UNCORRECTED, SINCE_LOAD, SINCE_BUILT = 1, 0, 1
COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}
RECOVERY = {1: "a reset of the GPU", 2: "a reboot", 3: "an end of all peer-to-peer work", 4: "a drain and a reset"}
FABRIC_STATES = {1: "not started", 2: "in progress"}


def health_of_nvidia(index: int) -> dict[str, Any]:
    """Read what NVML says about a GPU's health; raises OSError where it says nothing."""
    nvml = Nvml()
    handle = nvml.handle(index)
    mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
    rows = nvml.ask("nvmlDeviceGetRemappedRows", handle, kinds=(UINT,) * 4)
    found = {
        "uncorrected since load": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_LOAD, kind=ULONG),
        "uncorrected ever": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_BUILT, kind=ULONG),
        "rows pending": rows[2] if rows else None,
        "rows failed": rows[3] if rows else None,
        "pages pending": nvml.one("nvmlDeviceGetRetiredPagesPendingStatus", handle),
        "compute mode": nvml.one("nvmlDeviceGetComputeMode", handle),
        "MIG": mode[0] if mode else None,
        "persistence": nvml.one("nvmlDeviceGetPersistenceMode", handle),
        "fabric": nvml.fabric(handle),
        "recovery": nvml.recovery(handle),
        "temperature": nvml.one("nvmlDeviceGetTemperature", handle, 0),
    }
    return {name: value for name, value in found.items() if value is not None}


def health_of_amd(folder: str = "/sys/bus/pci/drivers/amdgpu") -> dict[str, Any]:
    """Add up the uncorrected errors that the amdgpu driver counts for all its cards (`ue: N` in ras/*_err_count)."""
    counts = [
        int(match.group(1))
        for path in sorted(Path(folder).glob("*/ras/*_err_count"))
        for match in re.finditer(r"\bue: (\d+)", path.read_text(encoding="ascii", errors="replace"))
    ]
    if not counts:
        raise OSError("the amdgpu driver counts no errors for this card")
    return {"uncorrected since load": sum(counts)}


def check_health(bench: Bench, read: Callable[[], dict[str, Any]] | None = None) -> Result:
    """Ask the driver and the kernel's log whether the GPU is sound; asked again at the end, whether it still is."""
    index = index_of(bench.device)
    read = read or (health_of_amd if bench.kind == "hip" else lambda: health_of_nvidia(index))
    try:
        now = read()
    except OSError as error:
        raise Skip(str(error)) from error
    log = kernel_log() if "xids" not in now else ""
    if log is not None and "xids" not in now:
        now["xids"] = xids_in(log)
    return judge_health(now, bench.notes.get("health"))


def judge_health(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> Result:
    """Judge one reading of a GPU, against the one from before the test where there is one.

    What is pending or failed, and what has appeared during the test, fails; what lies in the past warns.
    """
    earlier = before or {}
    ecc, old_ecc = now.get("uncorrected since load", 0), earlier.get("uncorrected since load", 0)
    xids = list(now.get("xids", []))
    # The log is a ring: what was there before may have gone, so the numbers are compared one by one.
    fresh = xids[:]
    for number in earlier.get("xids", []):
        if number in fresh:
            fresh.remove(number)
    hard = [number for number in xids if number in XID_CAUSES]
    failures = [
        (now.get("rows pending"), "a remapped row waits for a reset", "ecc-uncorrectable"),
        (now.get("rows failed"), "memory rows could not be remapped", "ecc-uncorrectable"),
        (now.get("pages pending"), "a retired page waits for a reboot", "ecc-uncorrectable"),
        (now.get("compute mode") == 2, "the compute mode is prohibited", "exclusive-compute-mode"),  # noqa: PLR2004 - nvml.h
        (now.get("fabric") in FABRIC_STATES, "the NVSwitch fabric is not ready", "fabric-manager-missing"),
        (
            now.get("recovery"),
            f"the driver asks for {RECOVERY.get(now.get('recovery', 0), 'a recovery')}",
            "gpu-needs-reset",
        ),
        (
            before is not None and ecc > old_ecc,
            f"{ecc - old_ecc} uncorrected memory errors during the test",
            "ecc-uncorrectable",
        ),
        (
            before is not None and fresh,
            f"the kernel logged Xid {' '.join(map(str, fresh))} during the test",
            next((XID_CAUSES[number] for number in fresh if number in XID_CAUSES), "gpu-xid"),
        ),
    ]
    past = [
        (before is None and ecc, f"{ecc} uncorrected memory errors since the driver was loaded", "ecc-uncorrectable"),
        (
            before is None and hard,
            f"the kernel's log has Xid {' '.join(map(str, hard))}",
            XID_CAUSES[hard[0]] if hard else None,
        ),
    ]
    notes = {"notes": {"health": dict(now)}}
    for status, findings in (("fail", failures), ("warn", past)):
        found = [(text, cause) for true, text, cause in findings if true]
        if found:
            return Result(status, None, None, None, "; ".join(text for text, _ in found), found[0][1], notes)
    said = [
        f"{ecc} uncorrected memory errors" if "uncorrected since load" in now else "no ECC",
        f"compute mode {COMPUTE_MODES.get(now['compute mode'], 'unknown')}" if "compute mode" in now else "",
        "MIG on" if now.get("MIG") else "",
        f"{now['temperature']} degrees C" if "temperature" in now else "",
        "no new Xid" if "xids" in now else "the kernel's log may not be read, so it was not searched for Xids",
    ]
    return Result("pass", None, None, None, ", ".join(filter(None, said)), None, notes)
