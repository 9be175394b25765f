"""All GPUs of a Linux machine, each seen once, whichever driver or bus showed it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.nvidia import read_nvidia
from torchup.detect.pci import PciDevice, address_key, read_pci
from torchup.detect.pci_names import PciNames
from torchup.model.facts import Gpu, NvidiaDriver, Surroundings
from torchup.words import tr

_BOUND_TO_GUEST = {"vfio-pci", "pci-stub", "xen-pciback"}
_LAST_PLACE = (1 << 32,)


class Graphics(NamedTuple):
    """The GPUs in the order of their PCI addresses, and the NVIDIA driver."""

    gpus: tuple[Gpu, ...] = ()
    nvidia: NvidiaDriver | None = None


def read_graphics(host: Host, notes: Notes, around: Surroundings) -> Graphics:
    """Read all GPUs of a Linux machine and the state of the NVIDIA driver."""
    devices = _without_guests(read_pci(host), notes)
    by_vendor: dict[str, tuple[PciDevice, ...]] = {
        vendor: tuple(device for device in devices if device.vendor == vendor) for vendor in ("nvidia", "amd", "intel")
    }
    names = PciNames(host)
    gpus, driver = _read_nvidia_gpus(host, notes, around, by_vendor["nvidia"], names)
    if by_vendor["amd"]:
        from torchup.detect.amd import merge_amd, note_amd, read_kfd

        note_amd(host, notes, by_vendor["amd"], container=around.container is not None)
        gpus += merge_amd(read_kfd(host), by_vendor["amd"], names)
    if by_vendor["intel"]:
        from torchup.detect.intel import intel_gpu, note_intel

        note_intel(host, notes, by_vendor["intel"])
        gpus += tuple(intel_gpu(device, names) for device in by_vendor["intel"])
    return Graphics(gpus=in_order(gpus), nvidia=driver)


def _read_nvidia_gpus(
    host: Host, notes: Notes, around: Surroundings, cards: tuple[PciDevice, ...], names: PciNames
) -> tuple[tuple[Gpu, ...], NvidiaDriver | None]:
    view = read_nvidia(host, notes, around, cards)
    if not (cards or view.gpus or around.jetson):
        return (), view.driver
    from torchup.detect.nvidia_cards import merge_nvidia, note_chips, read_tegra_gpu

    gpus = merge_nvidia(view.gpus or read_tegra_gpu(host, around), cards, names)
    if view.driver is not None and view.driver.state == "ok":
        gpus = _judge_unserved(gpus, notes, around)
    note_chips(gpus, notes, view.driver)
    return gpus, view.driver


def in_order(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Sort GPUs by PCI address, those without one last, and number them in that order."""
    ranked = sorted(gpus, key=lambda gpu: address_key(gpu.pci_address) if gpu.pci_address else _LAST_PLACE)
    return tuple(replace(gpu, index=index) for index, gpu in enumerate(ranked))


def _without_guests(devices: tuple[PciDevice, ...], notes: Notes) -> tuple[PciDevice, ...]:
    for device in devices:
        if device.driver in _BOUND_TO_GUEST:
            text = tr("A card is set aside for virtual machines and cannot be used by this system.")
            notes.add(
                "gpu-set-aside",
                text,
                tr("{address} is bound to {driver}", address=device.address, driver=device.driver),
            )
    return tuple(device for device in devices if device.driver not in _BOUND_TO_GUEST)


def _judge_unserved(gpus: tuple[Gpu, ...], notes: Notes, around: Surroundings) -> tuple[Gpu, ...]:
    unserved = [gpu for gpu in gpus if gpu.source == "pci"]
    if not unserved:
        return gpus
    evidence = ", ".join(f"{gpu.pci_address} {gpu.name or gpu.pci_id}" for gpu in unserved)
    if around.container is not None:
        text = tr("The host has more NVIDIA GPUs than this container was given; only those it was given count.")
        notes.add("gpu-not-in-container", text, evidence)
        return tuple(gpu for gpu in gpus if gpu.source != "pci")
    text = tr("The NVIDIA driver works but does not serve one of the cards: it is not supported, or it failed.")
    notes.add("gpu-not-served", text, evidence)
    return gpus
