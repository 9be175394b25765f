"""Which kind of accelerator the builds are for, and which GPUs of the machine count for it."""

from __future__ import annotations

from torchup.knowledge import rocm
from torchup.knowledge.variants import VariantKind
from torchup.model.quick import dataclass
from torchup.model.resolution import Reason
from torchup.resolve.devices import Device, used
from torchup.resolve.refusal import listed
from torchup.resolve.situation import Situation
from torchup.words import tr

_VENDOR_OF: dict[VariantKind, str] = {"cuda": "nvidia", "rocm": "amd", "xpu": "intel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The kind of build, the GPUs it has to serve, and what was left out.

    `rivals` are GPUs of another vendor with an equal claim: no wheel serves both, so a person has to choose.
    `problem` says that a pinned kind of build is for none of the GPUs in use.
    """

    kind: VariantKind
    devices: tuple[Device, ...] = ()
    rivals: tuple[Device, ...] = ()
    notes: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    problem: Reason | None = None


def choose(situation: Situation) -> Choice:
    """Choose by the pinned variant if there is one, else NVIDIA or AMD before Intel, and none of them: the CPU.

    Raises UsageError (`gpu-unknown`) for a GPU in `gpus.use` that the machine does not have.
    """
    devices = used(situation.devices, situation.request.gpus)
    if situation.variant:
        return _pinned(situation, situation.variant.kind, devices)
    if situation.facts.os.system == "darwin":
        return _mac(situation, devices)
    nvidia = tuple(device for device in devices if device.gpu.vendor == "nvidia")
    amd = _claimants(situation, devices)
    if nvidia and amd and (situation.request.gpus.use != "all" or _has_rocm(situation, amd)):
        return Choice(kind="cuda", devices=nvidia, rivals=amd)
    if nvidia:
        return _chosen("cuda", nvidia, devices)
    if amd:
        return _chosen("rocm", amd, devices)
    if intel := _intel(devices):
        return _chosen("xpu", intel, devices)
    if integrated := _served_integrated(situation, devices):
        return _chosen("rocm", integrated, devices)
    return _chosen("cpu", (), devices)


def _pinned(situation: Situation, kind: VariantKind, devices: tuple[Device, ...]) -> Choice:
    if kind in ("cpu", "mps"):
        if situation.facts.os.system == "darwin":
            return _mac(situation, devices)
        present = [device.title for device in devices if device.gpu.vendor in ("nvidia", "amd")]
        text = tr(
            "torch.variant: {kind} leaves {present} unused: PyTorch will run on the CPU only.",
            kind=kind,
            present=listed(present),
        )
        warnings = (Reason(code="gpu-unused", text=text),) if present else ()
        return Choice(kind=kind, warnings=warnings)
    vendor = _VENDOR_OF[kind]
    chosen = tuple(device for device in devices if device.gpu.vendor == vendor)
    if kind == "rocm":
        chosen = _without_integrated(chosen)
    if kind == "xpu":
        chosen = _intel(chosen) or chosen
    if chosen:
        return _chosen(kind, chosen, devices)
    name = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}[vendor]
    wish = situation.request.torch.variant
    if others := [device.title for device in devices if device.gpu.vendor in ("nvidia", "amd")]:
        text = tr(
            "torch.variant: {wish} is a build for {name} GPUs, which does not run on {others}.",
            wish=wish,
            name=name,
            others=listed(others),
        )
        return Choice(kind=kind, problem=Reason(code="variant-for-other-gpu", text=text))
    text = tr("No {name} GPU is in use here, so nothing checks that this build will find one where it runs.", name=name)
    return Choice(kind=kind, warnings=(Reason(code="no-gpu-for-variant", text=text),))


def _mac(situation: Situation, devices: tuple[Device, ...]) -> Choice:
    kind: VariantKind = "mps" if situation.platform == "macos_arm64" else "cpu"
    others = [device.title for device in devices if device.gpu.vendor == "nvidia"]
    text = tr("PyTorch has no macOS wheel that runs on {others}; it will run on the CPU.", others=listed(others))
    return Choice(kind=kind, warnings=(Reason(code="gpu-unused", text=text),) if others else ())


def _chosen(kind: VariantKind, devices: tuple[Device, ...], candidates: tuple[Device, ...]) -> Choice:
    left = [device for device in candidates if device not in devices and device.gpu.vendor != "apple"]
    expected = [device for device in left if kind != "cpu" and (device.integrated or device.gpu.vendor == "intel")]
    return Choice(
        kind=kind,
        devices=devices,
        notes=tuple(_left_out(device, kind) for device in expected),
        warnings=tuple(_left_out(device, kind) for device in left if device not in expected),
    )


def _left_out(device: Device, kind: VariantKind) -> Reason:
    instead = tr("the CPU is used") if kind == "cpu" else tr("it is left out")
    if device.gpu.vendor == "intel" and device.integrated is None:
        text = tr(
            "{name} is not among the Intel GPUs that PyTorch's xpu wheels are known to support; {instead}.",
            name=device.name,
            instead=instead,
        )
    elif device.gpu.vendor == "amd" and kind == "cpu":
        text = tr("{title} is served by no ROCm wheel on offer; {instead}.", title=device.title, instead=instead)
    elif device.integrated:
        text = tr(
            "{title} is an integrated GPU, which never goes ahead of a card; {instead}.",
            title=device.title,
            instead=instead,
        )
    else:
        text = tr(
            "{title} is left out; name it in gpus.use (index {index}) to use it instead.",
            title=device.title,
            index=device.gpu.index,
        )
    return Reason(code="gpu-left-out", text=text)


def _claimants(situation: Situation, devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """Give the AMD cards that count: all that were asked for by name, else those with memory of their own."""
    amd = tuple(device for device in devices if device.gpu.vendor == "amd")
    return amd if situation.request.gpus.use != "all" else tuple(device for device in amd if not device.integrated)


def _without_integrated(devices: tuple[Device, ...]) -> tuple[Device, ...]:
    return tuple(device for device in devices if not device.integrated) or devices


def _served_integrated(situation: Situation, devices: tuple[Device, ...]) -> tuple[Device, ...]:
    amd = tuple(device for device in devices if device.gpu.vendor == "amd")
    return amd if _has_rocm(situation, amd) else ()


def _has_rocm(situation: Situation, devices: tuple[Device, ...]) -> bool:
    """Tell whether some ROCm build on offer has kernels for one of these GPUs."""
    wanted = {device.gfx for device in devices if device.gfx}
    names = {build.variant.name for build in situation.catalogue.builds if build.variant.kind == "rocm"}
    return any(wanted.intersection(rocm.gfx_targets(name) or ()) for name in names)


def _intel(devices: tuple[Device, ...]) -> tuple[Device, ...]:
    supported = tuple(device for device in devices if device.gpu.vendor == "intel" and device.integrated is not None)
    return tuple(device for device in supported if not device.integrated) or supported
