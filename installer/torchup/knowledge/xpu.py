"""Intel GPUs that PyTorch's XPU wheels are validated on."""

from __future__ import annotations

from functools import cache
from typing import Literal

from torchup.knowledge.tables import table
from torchup.model.facts import System

IntelKind = Literal["discrete", "integrated"]

_INTEL = "8086"


@cache
def _ranges() -> tuple[tuple[int, int, IntelKind, str, tuple[str, ...]], ...]:
    return tuple(
        (int(first, 16), int(last, 16), row["kind"], row["family"], tuple(row.get("systems", ())))
        for row in table("xpu")["devices"]
        for first, last in row["ids"]
    )


def is_supported_intel(pci_id: str, system: System = "linux") -> IntelKind | None:
    """Say whether `8086:56a0` is a GPU the XPU wheels support, and of which kind; None where it is not.

    Some are supported on one system only. Raises ValueError for text of another form.
    """
    found = _find(pci_id)
    return found[2] if found and (not found[4] or system in found[4]) else None


def intel_family(pci_id: str) -> str | None:
    """Name the family of a supported Intel GPU, `Arc B-Series (Battlemage)`."""
    found = _find(pci_id)
    return found[3] if found else None


def _find(pci_id: str) -> tuple[int, int, IntelKind, str, tuple[str, ...]] | None:
    vendor, separator, device = pci_id.lower().partition(":")
    if not separator:
        raise ValueError(f"not a PCI id such as 8086:56a0: {pci_id!r}")
    number = int(device, 16)
    if vendor.removeprefix("0x") != _INTEL:
        return None
    return next((row for row in _ranges() if row[0] <= number <= row[1]), None)
