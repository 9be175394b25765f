"""NVIDIA cards: what the driver says of them, completed by the tables of chips."""

from __future__ import annotations

from dataclasses import replace

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.pci import PciDevice
from torchup.detect.pci_names import PciNames
from torchup.knowledge.chips import ChipMatch, chip, chip_by_pci_id, open_module_required
from torchup.model.facts import Gpu, NvidiaDriver, Surroundings
from torchup.words import tr

# The GPU inside each Tegra chip.
_TEGRA_GPUS = {"t210": "GM20B", "t186": "GP10B", "t194": "GV11B", "t234": "GA10B", "t264": "GB10B"}


def merge_nvidia(served: tuple[Gpu, ...], cards: tuple[PciDevice, ...], names: PciNames) -> tuple[Gpu, ...]:
    """Put the driver's view and the bus's view together, one GPU per PCI address.

    What the driver says wins; the bus fills in, by PCI id, the chip and what else is missing.
    """
    by_address = {gpu.pci_address: gpu for gpu in served if gpu.pci_address}
    merged = [_complete(by_address.pop(card.address, None), card, names) for card in cards]
    rest = [gpu for gpu in served if gpu.pci_address not in {card.address for card in cards}]
    return (*merged, *(with_chip(gpu) for gpu in rest))


def _complete(gpu: Gpu | None, card: PciDevice, names: PciNames) -> Gpu:
    found = gpu or Gpu(index=0, vendor="nvidia", pci_address=card.address, source="pci")
    found = replace(found, pci_id=found.pci_id or card.pci_id)
    if found.name is None and (entry := names.find(card.pci_id)):
        found = replace(found, name=f"NVIDIA {entry.product or entry.chip}")
    return with_chip(found)


def with_chip(gpu: Gpu) -> Gpu:
    """Fill in the chip, and the compute capability where the driver did not tell it, by the PCI id."""
    match = _match(gpu)
    if match is None:
        return gpu
    capability = match.chip.compute_capability
    return replace(
        gpu,
        chip=gpu.chip or match.chip.name,
        name=gpu.name or f"NVIDIA {match.chip.name}",
        compute_capability=gpu.compute_capability or (str(capability) if capability else None),
    )


def _match(gpu: Gpu) -> ChipMatch | None:
    return chip_by_pci_id(gpu.pci_id) if gpu.pci_id else None


def note_chips(gpus: tuple[Gpu, ...], notes: Notes, driver: NvidiaDriver | None) -> None:
    """Note cards that the tables do not have, and cards that the loaded kernel module does not serve."""
    for gpu in gpus:
        match = _match(gpu)
        if gpu.pci_id and match is None and gpu.compute_capability is None:
            notes.add(
                "gpu-unknown",
                tr("An NVIDIA card is newer than the tables: its compute capability is unknown."),
                gpu.pci_id,
            )
        if match is None:
            continue
        if not match.exact and gpu.source not in ("nvml", "nvidia-smi"):
            text = tr("An NVIDIA card is not in the tables; its chip was told from the ids around its own.")
            notes.add("gpu-chip-inferred", text, f"{gpu.pci_id}: {match.chip.name}")
        flavour = driver.kernel_module if driver else None
        open_only = match.chip.modules == "open_only" or open_module_required(gpu.pci_id or "")
        if flavour == "proprietary" and open_only:
            text = tr("A card works with NVIDIA's open kernel module only, but the proprietary one is loaded.")
            notes.add("open-module-required", text, f"{gpu.name} ({match.chip.name})")
        if flavour == "open" and match.chip.modules == "proprietary_only":
            text = tr("A card works with NVIDIA's proprietary kernel module only, but the open one is loaded.")
            notes.add("proprietary-module-required", text, f"{gpu.name} ({match.chip.name})")


def read_tegra_gpu(host: Host, around: Surroundings) -> tuple[Gpu, ...]:
    """Describe the GPU inside a Jetson's chip, which is on no bus."""
    if around.jetson is None:
        return ()
    found = chip(_TEGRA_GPUS.get(around.jetson, ""))
    capability = found.compute_capability if found else None
    return (
        Gpu(
            index=0,
            vendor="nvidia",
            name=host.read_line("/proc/device-tree/model") or "NVIDIA Jetson",
            chip=found.name if found else None,
            compute_capability=str(capability) if capability else None,
            source="device-tree",
        ),
    )
