"""Windows: version, display adapters, memory and Secure Boot, by one question to PowerShell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.pci import PciDevice
from torchup.model.facts import OperatingSystem, Vendor
from torchup.words import tr

_QUESTION = (
    "$ErrorActionPreference='Stop';"
    "$os=Get-CimInstance Win32_OperatingSystem|Select-Object Version,OSArchitecture,TotalVisibleMemorySize;"
    "$gpus=@(Get-CimInstance Win32_VideoController|Select-Object Name,PNPDeviceID,AdapterRAM,DriverVersion);"
    "$secure=$null;try{$secure=[bool](Get-ItemPropertyValue"
    " 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\State' UEFISecureBootEnabled)}catch{};"
    "ConvertTo-Json -Depth 3 -Compress @{os=$os;gpus=$gpus;secure_boot=$secure}"
)
_DEVICE = r"(?i)PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})"
_VENDORS: dict[str, Vendor] = {"10de": "nvidia", "1002": "amd", "8086": "intel"}
_DISPLAY_DRIVER = r"\d+\.\d+\.\d*(\d)\.(\d{2,4})$"
_MIB = 1024**2
_KIB_PER_MIB = 1024
# Win32_VideoController keeps the size in 32 bits, so cards with 4 GiB and more all show nearly 4 GiB.
_SIZE_CEILING_MIB = 4000
_SHELL = "powershell.exe"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsCard:
    """One display adapter; `driver_version` is NVIDIA's own number where the card is NVIDIA's."""

    device: PciDevice
    name: str | None
    driver_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsView:
    """What PowerShell told: the system, the cards in PCI form with their driver as `product`, and the rest."""

    system: OperatingSystem
    cards: tuple[WindowsCard, ...] = ()
    memory_mib: int | None = None
    secure_boot: bool | None = None


def read_windows(host: Host, notes: Notes) -> WindowsView:
    """Ask PowerShell for everything at once; starting it is what takes the time."""
    ran = host.run([_SHELL, "-NoProfile", "-NonInteractive", "-Command", _QUESTION], limit=host.limits.nvidia_smi)
    if ran is None or not ran.ok:
        detail = (ran.problem or ran.stderr) if ran else None
        notes.add("powershell-failed", tr("PowerShell did not tell about this machine."), detail)
        return WindowsView(system=_fallback_system(host))
    return parse_machine(
        ran.stdout,
        machine_arch(host.environ.get("PROCESSOR_ARCHITEW6432") or host.environ.get("PROCESSOR_ARCHITECTURE", "")),
    )


def parse_machine(text: str, arch: str) -> WindowsView:
    """Parse PowerShell's JSON answer; parts that are missing or of another shape stay unknown."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    data = _mapping(answer)
    system = _mapping(data.get("os"))
    version, memory, secure_boot = system.get("Version"), system.get("TotalVisibleMemorySize"), data.get("secure_boot")
    entries = data.get("gpus")
    cards = (_parse_card(_mapping(entry)) for entry in (entries if isinstance(entries, list) else []))
    release = version if isinstance(version, str) else None
    return WindowsView(
        system=OperatingSystem(system="windows", id="windows", version=release, arch=arch, kernel=release),
        cards=tuple(card for card in cards if card),
        memory_mib=memory // _KIB_PER_MIB if isinstance(memory, int) else None,
        secure_boot=secure_boot if isinstance(secure_boot, bool) else None,
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def machine_arch(variable: str) -> str:
    """Name the architecture as the facts do, from PROCESSOR_ARCHITECTURE."""
    return {"AMD64": "amd64", "ARM64": "arm64", "X86": "x86"}.get(variable.upper(), variable.lower() or "unknown")


def nvidia_driver_version(windows_version: str) -> str | None:
    """Read NVIDIA's number from Windows' driver version: 32.0.15.6636 is 566.36, its last five digits."""
    match = re.fullmatch(_DISPLAY_DRIVER, windows_version)
    digits = f"{match.group(1)}{match.group(2):0>4}" if match else ""
    return f"{digits[:3]}.{digits[3:]}" if digits else None


def _fallback_system(host: Host) -> OperatingSystem:
    arch = machine_arch(host.environ.get("PROCESSOR_ARCHITEW6432") or host.environ.get("PROCESSOR_ARCHITECTURE", ""))
    return OperatingSystem(system="windows", id="windows", arch=arch)


def _parse_card(entry: dict[str, Any]) -> WindowsCard | None:
    match = re.match(_DEVICE, str(entry.get("PNPDeviceID") or ""))
    vendor = _VENDORS.get(match.group(1).lower()) if match else None
    if match is None or vendor is None:
        return None
    memory = entry.get("AdapterRAM")
    memory_mib = memory // _MIB if isinstance(memory, int) and memory > 0 else None
    driver = str(entry.get("DriverVersion") or "")
    return WindowsCard(
        device=PciDevice(
            address="",
            vendor=vendor,
            pci_id=f"{match.group(1)}:{match.group(2)}".lower(),
            memory_mib=memory_mib if memory_mib and memory_mib < _SIZE_CEILING_MIB else None,
        ),
        name=str(entry["Name"]) if entry.get("Name") else None,
        driver_version=nvidia_driver_version(driver) if vendor == "nvidia" else None,
    )
