"""Intel GPUs: whether the runtime that PyTorch's xpu build needs is there."""

from __future__ import annotations

from torchup.detect.host import Host
from torchup.detect.loader import find_library
from torchup.detect.notes import Notes
from torchup.detect.pci import PciDevice
from torchup.detect.pci_names import PciNames
from torchup.knowledge.xpu import intel_family
from torchup.model.facts import Gpu
from torchup.words import tr

_LOADER = "libze_loader.so.1"
_RUNTIMES = ("libze_intel_gpu.so.1", "libze_intel_gpu_legacy1.so.1")


def note_intel(host: Host, notes: Notes, cards: tuple[PciDevice, ...]) -> None:
    """Note what is missing for XPU: the kernel driver, the Level Zero runtime, or the permission."""
    undriven = [card.address for card in cards if card.driver not in {"i915", "xe"}]
    if undriven:
        notes.add(
            "intel-kernel-driver-missing", tr("An Intel GPU is driven by neither i915 nor xe."), ", ".join(undriven)
        )
    loader = find_library(host, _LOADER)
    runtime = next((path for name in _RUNTIMES if (path := find_library(host, name))), None)
    if loader is None or runtime is None:
        missing = _LOADER if loader is None else _RUNTIMES[0]
        text = tr("Intel's Level Zero runtime is not installed, so PyTorch cannot use the Intel GPU.")
        notes.add("level-zero-missing", text, missing)
    nodes = [f"/dev/dri/{name}" for name in host.names("/dev/dri") if name.startswith("renderD")]
    if host.live and nodes and not any(host.accessible(path) for path in nodes):
        text = tr("This user may not open the render devices; membership of the group render allows it.")
        notes.add("render-node-closed", text, ", ".join(nodes))


def intel_gpu(device: PciDevice, names: PciNames) -> Gpu:
    """Describe an Intel GPU by the list of PCI ids, else by the family that the tables know."""
    entry = names.find(device.pci_id)
    family = intel_family(device.pci_id)
    label = (entry.product or entry.chip) if entry else family
    return Gpu(
        index=0,
        vendor="intel",
        name=f"Intel {label}" if label else None,
        chip=entry.chip if entry and entry.product else None,
        pci_id=device.pci_id,
        pci_address=device.address,
        source="pci",
    )
