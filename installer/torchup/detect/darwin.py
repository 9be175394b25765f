"""macOS: its version, chip, GPUs and Pythons' surroundings, from sw_vers, sysctl and system_profiler."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import Gpu, OperatingSystem, Space, Vendor
from torchup.words import tr

_KEYS = ("machdep.cpu.brand_string", "hw.memsize", "sysctl.proc_translated", "hw.optional.arm64")
_MIB = 1024**2
_VENDORS: tuple[tuple[str, Vendor], ...] = (
    ("apple", "apple"),
    ("amd", "amd"),
    ("ati", "amd"),
    ("intel", "intel"),
    ("nvidia", "nvidia"),
)
_VENDOR_IDS: dict[str, Vendor] = {"0x1002": "amd", "0x8086": "intel", "0x10de": "nvidia", "0x106b": "apple"}
_VENDOR_NUMBERS: dict[Vendor, str] = {"amd": "1002", "intel": "8086", "nvidia": "10de", "apple": "106b"}
_SIZE = r"(\d{1,9})\s*(MB|GB)"
_MIB_PER_GIB = 1024


DarwinView = tuple[OperatingSystem, tuple[Gpu, ...], Space]


def read_darwin(host: Host, notes: Notes) -> DarwinView:
    """Read the operating system, the GPUs and the memory of a Mac."""
    version = parse_sw_vers(_output(host, notes, ["/usr/bin/sw_vers"]))
    values = parse_sysctl(_output(host, notes, ["/usr/sbin/sysctl", *_KEYS], may_fail=True))
    machine = os.uname()
    arch = "arm64" if values.get("hw.optional.arm64") == "1" else machine.machine
    if values.get("sysctl.proc_translated") == "1":
        text = tr("torchup runs translated by Rosetta; an arm64 Python is needed for PyTorch on Apple silicon.")
        notes.add("rosetta", text, tr("process {process}, machine {machine}", process=machine.machine, machine=arch))
    displays = _output(host, notes, ["/usr/sbin/system_profiler", "SPDisplaysDataType", "-json"])
    memory = whole_number(values.get("hw.memsize"))
    memory_mib = memory // _MIB if memory else None
    gpus = parse_displays(displays, memory_mib)
    if not gpus and arch == "arm64":
        name = values.get("machdep.cpu.brand_string")
        gpus = (Gpu(index=0, vendor="apple", name=name, memory_mib=memory_mib, source="sysctl"),)
    system = OperatingSystem(system="darwin", id="macos", version=version, arch=arch, kernel=machine.release)
    return system, gpus, Space(memory_mib=memory_mib)


def parse_sw_vers(text: str) -> str | None:
    """Read the version from what `sw_vers` prints."""
    pairs = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in pairs if key.strip() == "ProductVersion"), None)


def parse_sysctl(text: str) -> dict[str, str]:
    """Parse `sysctl name...`, lines of `name: value`; names that the machine does not know are missing."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {key: value.strip() for key, separator, value in pairs if separator}


def parse_displays(text: str, memory_mib: int | None) -> tuple[Gpu, ...]:
    """Parse `system_profiler SPDisplaysDataType -json`.

    Apple's GPUs have no memory of their own and share the machine's, which is `memory_mib`.
    """
    try:
        entries = json.loads(text)["SPDisplaysDataType"]
    except (ValueError, KeyError, TypeError):
        return ()
    if not isinstance(entries, list):
        return ()
    gpus = [gpu for entry in entries if isinstance(entry, dict) and (gpu := _parse_display(entry, memory_mib))]
    return tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus))


def _parse_display(entry: dict[str, object], memory_mib: int | None) -> Gpu | None:
    words = f"{entry.get('spdisplays_vendor', '')} {entry.get('sppci_model', '')}".lower()
    by_id = next((vendor for number, vendor in _VENDOR_IDS.items() if number in words), None)
    vendor = by_id or next((vendor for word, vendor in _VENDORS if word in words), None)
    if vendor is None:
        return None
    device = str(entry.get("spdisplays_device-id", "")).removeprefix("0x")
    size = re.search(_SIZE, str(entry.get("spdisplays_vram") or entry.get("_spdisplays_vram") or ""))
    own = int(size.group(1)) * (_MIB_PER_GIB if size.group(2) == "GB" else 1) if size else None
    return Gpu(
        index=0,
        vendor=vendor,
        name=str(entry["sppci_model"]) if entry.get("sppci_model") else None,
        pci_id=f"{_VENDOR_NUMBERS[vendor]}:{device}" if device and vendor != "apple" else None,
        memory_mib=memory_mib if vendor == "apple" else own,
        source="system_profiler",
    )


def _output(host: Host, notes: Notes, argv: list[str], *, may_fail: bool = False) -> str:
    ran = host.run(argv)
    if ran is None:
        return ""
    # sysctl reports failure when one of several names is unknown, and still prints the others.
    if ran.problem or not (ran.ok or may_fail):
        notes.add(
            "command-failed", tr("{program} did not answer as expected.", program=argv[0]), ran.problem or ran.stderr
        )
    return ran.stdout
