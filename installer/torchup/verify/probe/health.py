"""Whether the driver and the kernel call a GPU sound, before the test and after it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Mapping

from .bench import Bench, index_of
from .nvml import UINT, ULONG, Nvml, pci_address
from .result import Result, Skip
from .sentences import SEMICOLON, listed, mark, say, words_of
from .xids import XID_CAUSES, kernel_log, xids_in

# Field values and enumerations from nvml.h (nvmlDeviceGpuRecoveryAction_t as in nvidia-ml-py 13.615).
UNCORRECTED, SINCE_LOAD, SINCE_BUILT = 1, 0, 1
COMPUTE_MODES = {0: mark("default"), 1: mark("exclusive thread"), 2: mark("prohibited"), 3: mark("exclusive process")}
RECOVERY = {
    1: mark("a reset of the GPU"),
    2: mark("a reboot"),
    3: mark("an end of all peer-to-peer work"),
    4: mark("a drain and a reset"),
    5: mark("a recovery of the IMEX domain"),
    6: mark("a reset of the bus"),
    7: mark("a reboot of the system"),
}
# Not started, and in progress.
FABRIC_NOT_READY = (1, 2)
FABRIC_COMPLETED = 3


def health_of_nvidia(index: int) -> dict[str, Any]:
    """Read what NVML says about a GPU's health; raises OSError where it says nothing."""
    nvml = Nvml()
    handle = nvml.handle(index)
    mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
    rows = nvml.ask("nvmlDeviceGetRemappedRows", handle, kinds=(UINT,) * 4)
    fabric = nvml.fabric(handle)
    found = {
        "uncorrected since load": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_LOAD, kind=ULONG),
        "uncorrected ever": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_BUILT, kind=ULONG),
        "rows pending": rows[2] if rows else None,
        "rows failed": rows[3] if rows else None,
        "pages pending": nvml.one("nvmlDeviceGetRetiredPagesPendingStatus", handle),
        "compute mode": nvml.one("nvmlDeviceGetComputeMode", handle),
        "MIG": mode[0] if mode else None,
        "persistence": nvml.one("nvmlDeviceGetPersistenceMode", handle),
        "fabric": fabric[0] if fabric else None,
        # It tells something only where the GPU is done with joining the fabric.
        "fabric error": fabric[1] if fabric and fabric[0] == FABRIC_COMPLETED else None,
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
        raise OSError(say("the amdgpu driver counts no errors for this card"))
    return {"uncorrected since load": sum(counts)}


def check_health(bench: Bench, read: Callable[[], dict[str, Any]] | None = None) -> Result:
    """Ask the driver and the kernel's log whether the GPU is sound; asked again at the end, whether it still is."""
    index = index_of(bench.device)
    read = read or (health_of_amd if bench.kind == "hip" else lambda: health_of_nvidia(index))
    try:
        now = read()
    except OSError as error:
        raise Skip(words_of(error)) from error
    log = kernel_log() if "xids" not in now else ""
    if log is not None and "xids" not in now:
        now["xids"] = xids_in(log, pci_address(index) if bench.kind == "cuda" else None)
    return judge_health(now, bench.notes.get("health"))


def judge_health(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> Result:
    """Judge one reading of a GPU, against the one from before the test where there is one.

    What is pending or failed, and what has appeared during the test, fails; what lies in the past warns, and so does
    what the GPU can do without.
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
        (now.get("rows pending"), say("a remapped row waits for a reset"), "ecc-uncorrectable"),
        (now.get("rows failed"), say("memory rows could not be remapped"), "ecc-uncorrectable"),
        (now.get("pages pending"), say("a retired page waits for a reboot"), "ecc-uncorrectable"),
        (now.get("compute mode") == 2, say("the compute mode is prohibited"), "exclusive-compute-mode"),  # noqa: PLR2004 - nvml.h
        (now.get("fabric") in FABRIC_NOT_READY, say("the NVSwitch fabric is not ready"), "fabric-manager-missing"),
        (
            now.get("recovery"),
            say("the driver asks for {action}", action=say(RECOVERY.get(now.get("recovery", 0), mark("a recovery")))),
            "gpu-needs-reset",
        ),
        (
            before is not None and ecc > old_ecc,
            say("{count} uncorrected memory errors during the test", count=ecc - old_ecc),
            "ecc-uncorrectable",
        ),
        (
            before is not None and fresh,
            say("the kernel logged Xid {numbers} during the test", numbers=" ".join(map(str, fresh))),
            next((XID_CAUSES[number] for number in fresh if number in XID_CAUSES), "gpu-xid"),
        ),
    ]
    warnings = [
        (
            before is None and ecc,
            say("{count} uncorrected memory errors since the driver was loaded", count=ecc),
            "ecc-uncorrectable",
        ),
        (
            before is None and hard,
            say("the kernel's log has Xid {numbers}", numbers=" ".join(map(str, hard))),
            XID_CAUSES[hard[0]] if hard else None,
        ),
        (
            now.get("fabric error"),
            say("the GPU could not join the NVSwitch fabric (NVML error {code})", code=now.get("fabric error")),
            "fabric-not-joined",
        ),
    ]
    notes = {"notes": {"health": dict(now)}}
    for status, findings in (("fail", failures), ("warn", warnings)):
        found = [(text, cause) for true, text, cause in findings if true]
        if found:
            return Result(status, None, None, None, listed((text for text, _ in found), SEMICOLON), found[0][1], notes)
    said = [
        say("{count} uncorrected memory errors", count=ecc) if "uncorrected since load" in now else say("no ECC"),
        say("compute mode {mode}", mode=say(COMPUTE_MODES.get(now["compute mode"], mark("unknown"))))
        if "compute mode" in now
        else "",
        say("MIG on") if now.get("MIG") else "",
        say("{number} degrees C", number=now["temperature"]) if "temperature" in now else "",
        say("no new Xid")
        if "xids" in now
        else say("the kernel's log may not be read, so it was not searched for Xids"),
    ]
    return Result("pass", None, None, None, listed(filter(None, said)), None, notes)
