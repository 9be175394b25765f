"""The GPUs of a machine as the gates need them, and those of them that this request uses."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.knowledge import chips, rocm, xpu
from torchup.knowledge.chips import Chip, Modules
from torchup.model.facts import Gpu, MachineFacts, System
from torchup.model.quick import dataclass
from torchup.model.request import GpuWish
from torchup.model.versions import ComputeCapability
from torchup.words import tr

# The gfx targets of AMD's processors with graphics: they have no memory of their own.
_AMD_INTEGRATED = frozenset(
    {"gfx902", "gfx909", "gfx90c", "gfx1033", "gfx1035", "gfx1036", "gfx1103"}
    | {f"gfx115{digit}" for digit in range(4)}
)
_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}
_JETSON_CHIPS = {"t210": "GM20B", "t186": "GP10B", "t194": "GV11B", "t234": "GA10B", "t264": "GB10B"}
_PRE_TURING = frozenset({"fermi", "kepler", "maxwell", "pascal", "volta"})
_EITHER = frozenset({"turing", "ampere", "ada", "hopper"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One GPU with what the tables add to what was detected.

    `capability` is None where neither detection nor tables know it; `assumed` tells how it was found when
    detection did not see it. `integrated` is None where unknown. `seen_by_driver` says that the NVIDIA driver itself
    listed the GPU.
    """

    gpu: Gpu
    capability: ComputeCapability | None = None
    assumed: str | None = None
    chip: Chip | None = None
    architecture: str | None = None
    gfx: str | None = None
    integrated: bool | None = None

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return (
            self.gpu.name
            or (self.chip.name if self.chip else None)
            or f"{_VENDORS[self.gpu.vendor]} GPU {self.gpu.index}"
        )

    @property
    def title(self) -> str:
        """The name with the number that the gates look at: `NVIDIA GeForce RTX 4090 (8.9)`."""
        number = self.capability or self.gfx
        return f"{self.name} ({number})" if number else self.name

    @property
    def seen_by_driver(self) -> bool:
        """Whether the driver itself listed this GPU."""
        return self.gpu.source in ("nvml", "nvidia-smi")

    @property
    def modules(self) -> Modules | None:
        """Which kernel modules can serve it, None where unknown or where the driver comes with the board."""
        if self.gpu.pci_id and chips.open_module_required(self.gpu.pci_id):
            return "open_only"
        if self.chip:
            return self.chip.modules
        if self.architecture is None:
            return None
        if self.architecture in _PRE_TURING:
            return "proprietary_only"
        return "either_open_preferred" if self.architecture in _EITHER else "open_only"


def devices_of(facts: MachineFacts) -> tuple[Device, ...]:
    """Describe every GPU of the machine, in the order of their indexes.

    The GPU of a Jetson is part of its chip and may be on no bus: it is added where detection did not list it.
    """
    gpus = sorted(facts.gpus, key=lambda gpu: gpu.index)
    if facts.context.jetson and not any(gpu.vendor == "nvidia" for gpu in gpus):
        board = facts.context.jetson
        gpus.append(Gpu(index=len(gpus), vendor="nvidia", name=f"Jetson {board}", chip=_JETSON_CHIPS.get(board)))
    return tuple(_describe(gpu, facts.os.system) for gpu in gpus)


def used(devices: tuple[Device, ...], wish: GpuWish) -> tuple[Device, ...]:
    """Take the GPUs that the request names by index, or by UUID or its beginning.

    Raises UsageError (`gpu-unknown`) for one that the machine does not have.
    """
    if wish.use == "all":
        return devices
    chosen: list[Device] = []
    for key in wish.use:
        found = [device for device in devices if _is_named(device, key)]
        if len(found) != 1:
            unknown = tr("no UUID")
            evidence = [f"{device.gpu.index}: {device.name}, {device.gpu.uuid or unknown}" for device in devices]
            hint = tr("Name GPUs in gpus.use by an index or a UUID from this list.")
            if found:
                raise UsageError(
                    tr("{key!r} in gpus.use names several GPUs of this machine.", key=key),
                    code="gpu-unknown",
                    evidence=evidence,
                    hint=hint,
                )
            raise UsageError(
                tr("{key!r} in gpus.use is not a GPU of this machine.", key=key),
                code="gpu-unknown",
                evidence=evidence,
                hint=hint,
            )
        chosen += [device for device in found if device not in chosen]
    return tuple(sorted(chosen, key=lambda device: device.gpu.index))


def _is_named(device: Device, key: int | str) -> bool:
    if isinstance(key, int) or key.isdecimal():
        return device.gpu.index == int(key)
    uuid = (device.gpu.uuid or "").casefold()
    plain = key.casefold()
    return bool(uuid) and plain not in ("", "gpu", "gpu-") and uuid.startswith(plain)


def _describe(gpu: Gpu, system: System) -> Device:
    if gpu.vendor == "nvidia":
        return _nvidia(gpu)
    if gpu.vendor == "amd":
        gfx = gpu.gfx or next((gfx for text in (gpu.chip, gpu.name) if text and (gfx := rocm.gfx_of_chip(text))), None)
        assumed = None if gpu.gfx or not gfx else tr("the name {chip!r}", chip=gpu.chip or gpu.name)
        return Device(gpu=gpu, gfx=gfx, assumed=assumed, integrated=gfx in _AMD_INTEGRATED if gfx else None)
    if gpu.vendor == "intel":
        kind = _intel_kind(gpu, system)
        return Device(gpu=gpu, integrated=None if kind is None else kind == "integrated")
    return Device(gpu=gpu, integrated=True)


def _nvidia(gpu: Gpu) -> Device:
    chip, how = _chip(gpu)
    reported = _capability(gpu.compute_capability)
    if reported and chip and chip.compute_capability not in (None, reported):
        # What the driver reports counts for more than a table of ids.
        chip = None
    capability = reported or (chip.compute_capability if chip else None)
    if capability is None and chip is None and (old := _before_kepler(gpu)):
        why = tr("the PCI id {pci_id}, which is older than Kepler", pci_id=gpu.pci_id)
        return Device(gpu=gpu, capability=old[1], assumed=why, architecture=old[0])
    assumed: str | None = None
    if reported is None and capability is not None and chip is not None:
        assumed = how + (tr(", and no source states it for this chip") if chip.uncertain else "")
    architecture = chip.architecture if chip else chips.architecture_of(capability) if capability else None
    return Device(gpu=gpu, capability=capability, assumed=assumed, chip=chip, architecture=architecture)


def _chip(gpu: Gpu) -> tuple[Chip | None, str]:
    if gpu.chip and (chip := chips.chip(gpu.chip)):
        return chip, tr("the chip {name}", name=chip.name)
    match = chips.chip_by_pci_id(gpu.pci_id) if _is_pci_id(gpu.pci_id) and gpu.pci_id else None
    if match is None:
        return None, ""
    if match.exact:
        return match.chip, tr("the PCI id {pci_id} ({chip})", pci_id=gpu.pci_id, chip=match.chip.name)
    return match.chip, tr(
        "the PCI id {pci_id} ({chip}), whose neighbours are all of this chip", pci_id=gpu.pci_id, chip=match.chip.name
    )


def _before_kepler(gpu: Gpu) -> tuple[str, ComputeCapability] | None:
    return chips.older_than_kepler(gpu.pci_id) if gpu.pci_id and _is_pci_id(gpu.pci_id) else None


def _capability(text: str | None) -> ComputeCapability | None:
    try:
        return ComputeCapability.parse(text) if text else None
    except ValueError:
        # Facts written by hand may hold any text; a capability that cannot be read counts as unknown.
        return None


def _intel_kind(gpu: Gpu, system: System) -> xpu.IntelKind | None:
    return xpu.is_supported_intel(gpu.pci_id, system) if gpu.pci_id and _is_pci_id(gpu.pci_id) else None


def _is_pci_id(text: str | None) -> bool:
    vendor, separator, device = (text or "").partition(":")
    return bool(separator) and all(part and _is_hex(part) for part in (vendor, device))


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)
