"""Chip and product names from the list of PCI ids that most distributions ship."""

from __future__ import annotations

import re
from typing import NamedTuple

from torchup.detect.host import Host

_PLACES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids")
_BRACKETED = r"(.*?)\s*\[(.+)\]"


class PciName(NamedTuple):
    """An entry such as `Navi 31 [Radeon RX 7900 XTX]`: the chip, and the product in brackets if there is one."""

    chip: str
    product: str | None = None


class PciNames:
    """The machine's list of PCI ids, read only when a name is asked for; most lists have a megabyte."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._database: bytes | None = None

    def find(self, pci_id: str) -> PciName | None:
        """Look `vendor:device` up; None when it is not in the list, or there is no list."""
        if self._database is None:
            contents = (self._host.read_bytes(path) for path in _PLACES)
            self._database = next((content for content in contents if content), b"")
        return find_pci_name(self._database, pci_id)


def find_pci_name(database: bytes, pci_id: str) -> PciName | None:
    """Look `vendor:device` up in a list of PCI ids; None when it is not there."""
    vendor, _, device = pci_id.partition(":")
    heading = f"{vendor}  ".encode()
    start = 0 if database.startswith(heading) else database.find(b"\n" + heading)
    if start < 0:
        return None
    # Entries of a vendor are indented by one tab; the next line without one begins the next vendor.
    pattern = rb"\n(?:\t" + re.escape(device.encode()) + rb"  ([^\n]+)|(?=[0-9a-fA-FC]))"
    match = re.compile(pattern).search(database, start + 1)
    if match is None or match.group(1) is None:
        return None
    text = match.group(1).decode("utf-8", "replace").strip()
    bracketed = re.fullmatch(_BRACKETED, text)
    return PciName(chip=bracketed.group(1), product=bracketed.group(2)) if bracketed else PciName(chip=text)
