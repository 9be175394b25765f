"""GPUs and the NVIDIA driver on Windows, where the display adapters come from PowerShell."""

from __future__ import annotations

from dataclasses import replace

from torchup.detect.gpus import Graphics, in_order
from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.nvidia_cards import with_chip
from torchup.detect.nvidia_smi import read_nvidia_smi
from torchup.detect.nvml import read_nvml
from torchup.detect.nvml_errors import LIBRARY_NOT_FOUND, nvml_error
from torchup.detect.windows import WindowsCard
from torchup.model.facts import DriverState, Gpu, NvidiaDriver
from torchup.words import tr


def read_windows_graphics(host: Host, notes: Notes, cards: tuple[WindowsCard, ...]) -> Graphics:
    """Put NVML's (else nvidia-smi's) view and the adapters together; they are matched by PCI id."""
    nvidia = [card for card in cards if card.device.vendor == "nvidia"]
    others = tuple(_plain(card) for card in cards if card.device.vendor != "nvidia")
    nvml = read_nvml(host, notes, hardware=bool(nvidia))
    if not nvidia and not nvml.works:
        return Graphics(gpus=in_order(others))
    smi = None if nvml.works else read_nvidia_smi(host, notes)
    answered = nvml.works or (smi is not None and smi.error is None)
    served = nvml.gpus or (smi.gpus if smi else ())
    if nvml.error not in (None, LIBRARY_NOT_FOUND):
        error = nvml_error(nvml.error)
        notes.add(error.code, error.text, tr("nvmlInit returned {error}", error=nvml.error))
    installed = next((card.driver_version for card in nvidia if card.driver_version), None)
    state: DriverState = "ok" if answered else judge_windows(installed, nvml.error)
    driver = NvidiaDriver(
        state=state,
        driver_version=nvml.driver_version or (smi.driver_version if smi else None) or installed,
        cuda_version=nvml.cuda_version or (smi.cuda_version if smi else None),
    )
    return Graphics(gpus=in_order((*merge_by_id(served, nvidia), *others)), nvidia=driver)


def judge_windows(installed: str | None, error: int | None) -> DriverState:
    """Tell the driver's state when neither NVML nor nvidia-smi works.

    Without NVIDIA's driver Windows shows the card with a driver of its own, whose number has another form.
    """
    if error is not None and error != LIBRARY_NOT_FOUND:
        return nvml_error(error).state
    return "error" if installed else "missing"


def merge_by_id(served: tuple[Gpu, ...], cards: list[WindowsCard]) -> tuple[Gpu, ...]:
    """Add to the GPUs that the driver serves those adapters that it does not, counted by PCI id."""
    left = [gpu.pci_id for gpu in served]
    unserved: list[Gpu] = []
    for card in cards:
        if card.device.pci_id in left:
            left.remove(card.device.pci_id)
        else:
            unserved.append(with_chip(_plain(card)))
    return (*(with_chip(gpu) for gpu in served), *unserved)


def _plain(card: WindowsCard) -> Gpu:
    device = card.device
    gpu = Gpu(index=0, vendor=device.vendor, pci_id=device.pci_id, memory_mib=device.memory_mib, source="cim")
    return replace(gpu, name=card.name)
