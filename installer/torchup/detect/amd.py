"""AMD GPUs: their gfx target, by the kernel's compute topology (KFD) or by the chip's name."""

from __future__ import annotations

from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.pci import PciDevice, parse_bytes
from torchup.detect.pci_names import PciName, PciNames
from torchup.detect.values import whole_number
from torchup.knowledge.rocm import gfx_of_chip
from torchup.model.facts import Gpu
from torchup.words import tr

_NODES = "/sys/class/kfd/kfd/topology/nodes"


class KfdNode(NamedTuple):
    """One GPU in KFD's topology."""

    address: str
    gfx: str
    chip: str | None = None
    memory_mib: int | None = None


def read_kfd(host: Host) -> tuple[KfdNode, ...]:
    """Read all GPUs of the KFD topology; processors are nodes too and are left out."""
    nodes: list[KfdNode] = []
    for name in sorted(host.names(_NODES), key=lambda name: (len(name), name)):
        folder = f"{_NODES}/{name}"
        properties = parse_properties(host.read_text(f"{folder}/properties") or "")
        gfx = gfx_name(properties.get("gfx_target_version", 0))
        if gfx is None:
            continue
        banks = (
            parse_properties(host.read_text(f"{folder}/mem_banks/{bank}/properties") or "")
            for bank in host.names(f"{folder}/mem_banks")
        )
        memory = sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in _FRAME_BUFFERS)
        nodes.append(
            KfdNode(
                address=pci_address(properties.get("domain", 0), properties.get("location_id", 0)),
                gfx=gfx,
                chip=host.read_line(f"{folder}/name"),
                memory_mib=parse_bytes(str(memory)),
            )
        )
    return tuple(nodes)


# HSA_MEM_HEAP_TYPE_FB_PUBLIC and _FB_PRIVATE of the kernel's kfd_crat.h: memory on the card.
_FRAME_BUFFERS = {1, 2}


def parse_properties(text: str) -> dict[str, int]:
    """Parse a KFD properties file: lines of a name and a decimal number."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {name: number for name, _, value in pairs if (number := whole_number(value.strip())) is not None}


def gfx_name(version: int) -> str | None:
    """Name a `gfx_target_version`: 110000 is gfx1100, and 90010 is gfx90a. Zero is a processor."""
    if version <= 0:
        return None
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def pci_address(domain: int, location: int) -> str:
    """Turn KFD's domain and `location_id` (bus, device and function in one number) into a PCI address."""
    return f"{domain:04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"


def note_amd(host: Host, notes: Notes, cards: tuple[PciDevice, ...], *, container: bool) -> None:
    """Note what stands between ROCm and the cards."""
    addresses = ", ".join(card.address for card in cards)
    if any(card.driver is None for card in cards) and not container:
        text = tr("An AMD GPU is not driven by amdgpu, so ROCm cannot use it.")
        notes.add("amdgpu-not-loaded", text, ", ".join(card.address for card in cards if card.driver is None))
    if not host.exists("/dev/kfd"):
        text = tr("The device /dev/kfd is missing: ROCm cannot be used here.")
        notes.add("kfd-missing", text, addresses)
    elif host.live and not host.accessible("/dev/kfd"):
        text = tr("This user may not open /dev/kfd; membership of the groups render and video allows it.")
        notes.add("kfd-closed", text, "/dev/kfd")


def merge_amd(nodes: tuple[KfdNode, ...], cards: tuple[PciDevice, ...], names: PciNames) -> tuple[Gpu, ...]:
    """Put KFD's view and the bus's view of the AMD cards together by PCI address."""
    by_address = {node.address: node for node in nodes}
    return tuple(_amd_gpu(card, by_address.get(card.address), names.find(card.pci_id)) for card in cards)


def _amd_gpu(card: PciDevice, node: KfdNode | None, entry: PciName | None) -> Gpu:
    by_name = gfx_of_chip(f"{entry.chip} {entry.product or ''}") if entry else None
    product = card.product or (entry.product or entry.chip if entry else None)
    return Gpu(
        index=0,
        vendor="amd",
        name=product if not product or product.startswith("AMD") else f"AMD {product}",
        gfx=node.gfx if node else by_name,
        chip=entry.chip if entry else node.chip if node else None,
        pci_id=card.pci_id,
        pci_address=card.address,
        memory_mib=card.memory_mib or (node.memory_mib if node else None),
        source="kfd" if node else "pci",
    )
