"""Graphics controllers on the PCI bus, as sysfs lists them, whether or not a driver serves them."""

from __future__ import annotations

import re
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.values import whole_number
from torchup.model.facts import Vendor

DEVICES = "/sys/bus/pci/devices"

_VENDORS: dict[str, Vendor] = {"10de": "nvidia", "1002": "amd", "8086": "intel"}
# PCI class codes: 0300 VGA, 0301 XGA, 0302 3D, 0380 other display, 1200 processing accelerator.
# AMD's Instinct and Intel's data-centre cards announce themselves as the last two.
_CLASSES: dict[Vendor, frozenset[str]] = {
    "nvidia": frozenset({"0300", "0301", "0302"}),
    "amd": frozenset({"0300", "0301", "0302", "0380", "1200"}),
    "intel": frozenset({"0300", "0301", "0302", "0380"}),
}
_ADDRESS = r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])"


class PciDevice(NamedTuple):
    """One graphics controller. `pci_id` is `vendor:device` in hex; `driver` is the kernel driver bound to it."""

    address: str
    vendor: Vendor
    pci_id: str
    driver: str | None = None
    memory_mib: int | None = None
    product: str | None = None
    virtual_function: bool = False


def read_pci(host: Host) -> tuple[PciDevice, ...]:
    """List the graphics controllers of the vendors that PyTorch supports, in the order of their addresses."""
    found: list[PciDevice] = []
    for name in host.names(DEVICES):
        folder = f"{DEVICES}/{name}"
        address = parse_address(name)
        vendor = _VENDORS.get(_hexadecimal(host.read_line(f"{folder}/vendor")))
        if address is None or vendor is None:
            continue
        if _hexadecimal(host.read_line(f"{folder}/class"))[:4] not in _CLASSES[vendor]:
            continue
        device = _hexadecimal(host.read_line(f"{folder}/device"))
        driver = host.link_target(f"{folder}/driver")
        found.append(
            PciDevice(
                address=address,
                vendor=vendor,
                pci_id=f"{_hexadecimal(host.read_line(f'{folder}/vendor'))}:{device}",
                driver=driver.rpartition("/")[2] if driver else None,
                memory_mib=parse_bytes(host.read_line(f"{folder}/mem_info_vram_total")),
                product=host.read_line(f"{folder}/product_name"),
                virtual_function=host.link_target(f"{folder}/physfn") is not None,
            )
        )
    return tuple(sorted(found, key=lambda device: address_key(device.address)))


def parse_address(text: str) -> str | None:
    """Bring a PCI address to the form of sysfs, `0000:01:00.0`, from any of the forms that tools print."""
    match = re.fullmatch(_ADDRESS, text.strip().lower())
    if match is None:
        return None
    domain, bus, slot, function = match.groups()
    return f"{int(domain or '0', 16):04x}:{bus}:{slot}.{function}"


def address_key(address: str) -> tuple[int, ...]:
    """Give a key that sorts PCI addresses as numbers."""
    return tuple(int(field, 16) for field in re.split(r"[:.]", address))


def parse_bytes(text: str | None) -> int | None:
    """Turn a number of bytes, as sysfs prints it, into MiB; zero means unknown."""
    return (whole_number(text) or 0) // 1024**2 or None


def _hexadecimal(text: str | None) -> str:
    return (text or "").lower().removeprefix("0x")
