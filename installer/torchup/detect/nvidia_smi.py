"""NVIDIA GPUs through nvidia-smi, for machines on which NVML cannot be loaded by us."""

from __future__ import annotations

import re
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.pci import parse_address
from torchup.detect.values import whole_number
from torchup.model.facts import Gpu
from torchup.words import tr

_FIELDS = (
    "name",
    "uuid",
    "pci.bus_id",
    "pci.device_id",
    "memory.total",
    "driver_version",
    "compute_cap",
    "mig.mode.current",
)
_INVALID_FIELD = r'Field "([a-z0-9_.]+)" is not a valid field'
# Drivers from 590 on write `KMD Version` and `CUDA UMD Version`.
_BANNER_DRIVER = r"(?:Driver|KMD) Version\s*:\s*([\d.]+)"
_BANNER_CUDA = r"CUDA (?:UMD )?Version\s*:\s*([\d.]+)"
_PLACES = (
    "/usr/lib/wsl/lib/nvidia-smi",
    "/usr/bin/nvidia-smi",
    "/opt/bin/nvidia-smi",
    "/run/nvidia/driver/usr/bin/nvidia-smi",
)
_CAPABILITY = r"\d+\.\d"
_UNKNOWN = r"(?i)\[?(?:N/A|Not Supported|Unknown Error|Insufficient Permissions|GPU is lost)\]?"
# nvidia-smi ends with NVML's own return code; the words are those it prints with it.
_FAILURES = (
    ("couldn't communicate with the NVIDIA driver", 9),
    ("Driver/library version mismatch", 18),
    ("Insufficient Permissions", 4),
    ("GPU access blocked by the operating system", 17),
    ("find libnvidia-ml.so", 12),
    ("GPU is lost", 15),
    ("Unknown Error", 999),
)


class SmiView(NamedTuple):
    """What nvidia-smi said; `error` is the NVML return code behind its words, None when it worked."""

    gpus: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    error: int | None = None


def read_nvidia_smi(host: Host, notes: Notes) -> SmiView | None:
    """Ask nvidia-smi within its time limit; None when there is none or it does not answer."""
    program = host.which("nvidia-smi") or next((path for path in _PLACES if host.executable(path)), None)
    if program is None or not host.live:
        return None
    fields = list(_FIELDS)
    while True:
        ran = host.run([program, f"--query-gpu={','.join(fields)}", "--format=csv"], limit=host.limits.nvidia_smi)
        if ran is None or ran.problem:
            notes.add("nvidia-smi-failed", tr("nvidia-smi gave no answer."), ran.problem if ran else program)
            return None
        refused = re.search(_INVALID_FIELD, ran.stdout + ran.stderr)
        if refused is None or refused.group(1) not in fields:
            break
        fields.remove(refused.group(1))
    if not ran.ok:
        error = parse_failure(ran.stdout + ran.stderr)
        notes.add(
            "nvidia-smi-failed",
            tr("nvidia-smi reports that the driver does not work."),
            ran.stdout.strip() or ran.stderr,
        )
        return SmiView(error=error)
    banner = host.run([program], limit=host.limits.nvidia_smi)
    gpus, driver = parse_query(ran.stdout)
    banner_driver, cuda = parse_banner(banner.stdout if banner else "")
    return SmiView(gpus=gpus, driver_version=driver or banner_driver, cuda_version=cuda)


def parse_query(text: str) -> tuple[tuple[Gpu, ...], str | None]:
    """Parse `nvidia-smi --query-gpu=... --format=csv`, any fields in any order; gives GPUs and driver version.

    Lines that are not rows of the table (warnings, "No devices were found") are passed over.
    """
    import csv

    rows = [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]
    start = next((position for position, row in enumerate(rows) if "name" in row or "uuid" in row), None)
    if start is None:
        return (), None
    header = [column.partition(" [")[0].strip() for column in rows[start]]
    gpus: list[Gpu] = []
    driver: str | None = None
    for row in rows[start + 1 :]:
        if len(row) != len(header):
            continue
        values = {
            key: value.strip()
            for key, value in zip(header, row, strict=True)
            if not re.fullmatch(_UNKNOWN, value.strip())
        }
        driver = driver or values.get("driver_version")
        gpus.append(_gpu(len(gpus), values))
    return tuple(gpus), driver


def parse_banner(text: str) -> tuple[str | None, str | None]:
    """Find the driver and CUDA version in the frame that plain `nvidia-smi` draws."""
    driver, cuda = re.search(_BANNER_DRIVER, text), re.search(_BANNER_CUDA, text)
    return (driver.group(1) if driver else None), (cuda.group(1) if cuda else None)


def parse_failure(text: str) -> int | None:
    """Tell the NVML return code behind an error message of nvidia-smi, None for words that are not known."""
    return next((number for words, number in _FAILURES if words.lower() in text.lower()), None)


def _gpu(index: int, values: dict[str, str]) -> Gpu:
    memory = values.get("memory.total", "").partition(" ")[0]
    capability = values.get("compute_cap", "")
    device = values.get("pci.device_id", "").lower().removeprefix("0x")
    mig = values.get("mig.mode.current", "").lower()
    return Gpu(
        index=index,
        vendor="nvidia",
        name=values.get("name"),
        compute_capability=capability if re.fullmatch(_CAPABILITY, capability) else None,
        pci_id=f"{device[4:]}:{device[:4]}" if len(device) == 8 else None,  # noqa: PLR2004 - two ids of four digits
        pci_address=parse_address(values.get("pci.bus_id", "")),
        memory_mib=whole_number(memory),
        uuid=values.get("uuid"),
        mig="enabled" if mig == "enabled" else "disabled" if mig == "disabled" else None,
        source="nvidia-smi",
    )
