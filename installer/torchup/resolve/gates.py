"""The driver gate and the kernel gate: whether a build can run on the GPUs in use."""

from __future__ import annotations

from functools import lru_cache

from torchup.knowledge import drivers, releases, rocm
from torchup.knowledge.arch_lists import ArchList
from torchup.knowledge.cubins import Serving, serving
from torchup.knowledge.platforms import Platform
from torchup.knowledge.variants import Variant, VariantKind
from torchup.model.facts import System
from torchup.model.quick import dataclass
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.resolve.devices import Device
from torchup.resolve.refusal import Refusal, listed
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverView:
    """An NVIDIA driver, there or proposed, as the gates see it.

    `text` follows the word driver in a sentence: its version. `names_cuda` is the CUDA version it names. `system` says whose numbers it carries: those of WSL are the Windows
    ones. `by_label` is for Jetson, where the numbers are not those of the tables and the CUDA version has to do.
    """

    version: DriverVersion | None
    text: str
    names_cuda: tuple[int, int] | None
    system: System = "linux"
    by_label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a build has to run on: one kind of accelerator, and its devices in use.

    `capabilities` are the known compute capabilities of the devices, each once.
    """

    kind: VariantKind
    devices: tuple[Device, ...] = ()
    driver: DriverView | None = None
    capabilities: tuple[ComputeCapability, ...] = ()


def cuda_target(devices: tuple[Device, ...], driver: DriverView | None) -> Target:
    """Aim at NVIDIA GPUs: each known capability counts once, and with no GPU the driver does not count."""
    capabilities = tuple(sorted({device.capability for device in devices if device.capability}))
    return Target(kind="cuda", devices=devices, driver=driver if devices else None, capabilities=capabilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """That a build passed the gates, and by what: the entry that serves each capability, and its list.

    `by_ptx` says that some of it is compiled at run time. `unlisted` says that no list was to be had, or only one of
    another CUDA major, so nothing sure is known about its kernels.
    """

    serving: tuple[tuple[ComputeCapability, Serving], ...] = ()
    arch_list: ArchList | None = None
    gfx_list: rocm.GfxList | None = None
    by_ptx: bool = False
    unlisted: bool = False


def pass_gates(
    version: str, variant: Variant, platform: Platform, target: Target, said: dict[object, Refusal | None]
) -> Admission | Refusal:
    """Hold one build against the driver and the devices.

    `said` keeps what the gates said to a variant or to a list of kernels: for the builds of one search it is the same.
    """
    if variant.kind == "cuda" and variant.cuda:
        if variant.name not in said:
            said[variant.name] = driver_refusal(variant.cuda, target.driver) if target.driver else None
        return said[variant.name] or _cuda_kernels(version, variant.name, variant.cuda, platform, target, said)
    if variant.kind == "rocm":
        return _rocm_kernels(version, variant.name, target)
    return Admission()


def driver_refusal(cuda: tuple[int, int], driver: DriverView) -> Refusal | None:
    """Say why a driver cannot run builds of a CUDA version.

    Any release of a CUDA major runs from that major's minimum on (minor-version compatibility). For a major that no
    table knows, the driver itself has to name it.
    """
    named = driver.names_cuda
    minimum = drivers.minimum_driver(cuda[0], driver.system)
    if minimum is None or driver.by_label or driver.version is None:
        if named and named[0] >= cuda[0]:
            return None
        values = {
            "cuda": cuda[0],
            "found": cuda_text(named) if named else tr("an unknown version"),
            "driver": driver.text,
        }
        return Refusal(
            "driver-too-old", tr("needs a driver that names CUDA {cuda}; driver {driver} names {found}"), values
        )
    if driver.version >= minimum.version:
        return None
    values = {"minimum": minimum.text, "found": driver.text, "cuda": cuda[0]}
    return Refusal("driver-too-old", tr("needs driver >= {minimum}, found {found}: the minimum of CUDA {cuda}"), values)


def _cuda_kernels(
    version: str,
    variant: str,
    cuda: tuple[int, int],
    platform: Platform,
    target: Target,
    said: dict[object, Refusal | None],
) -> Admission | Refusal:
    found = _kernels(version, variant, cuda, platform, target.capabilities)
    if isinstance(found, Admission):
        if found.unlisted and not target.devices:
            return Admission()
        if found.by_ptx and (refusal := _no_jit(found, cuda, target.driver)):
            return refusal
        return found
    capability, arch_list = found
    key = (capability, arch_list.sm, arch_list.inferred_from)
    refusal = said.get(key)
    if refusal is None:
        refusal = said[key] = _no_kernel(capability, arch_list, target)
    return refusal


@lru_cache(maxsize=1 << 15)
def _kernels(
    version: str, variant: str, cuda: tuple[int, int], platform: Platform, capabilities: tuple[ComputeCapability, ...]
) -> Admission | tuple[ComputeCapability, ArchList]:
    """Find what serves each capability, or the first that nothing serves and the list that lacks it."""
    arch_list = releases.arch_list(version, variant, platform)
    if arch_list is None:
        return Admission(unlisted=True)
    served: list[tuple[ComputeCapability, Serving]] = []
    for capability in capabilities:
        found = serving(capability, arch_list, cuda)
        if found is None:
            return capability, arch_list
        served.append((capability, found))
    by_ptx = any(found.kind == "ptx" for _, found in served)
    return Admission(serving=tuple(served), arch_list=arch_list, by_ptx=by_ptx, unlisted=arch_list.other_major)


def _no_kernel(capability: ComputeCapability, arch_list: ArchList, target: Target) -> Refusal:
    def gpus() -> str:
        names = [device.name for device in target.devices if device.capability == capability]
        return listed(list(dict.fromkeys(names)))

    values = {
        "sm": capability.sm,
        "gpus": gpus,
        "capability": capability,
        "built": lambda: ", ".join(f"sm_{sm}" for sm in arch_list.sm),
        "origin": tr(" (as in {title})", title=arch_list.inferred_from) if arch_list.inferred_from else "",
    }
    return Refusal(
        "no-kernel", tr("has no kernels for {gpus} ({capability}, sm_{sm}); it is built for {built}{origin}"), values
    )


def _no_jit(admission: Admission, cuda: tuple[int, int], driver: DriverView | None) -> Refusal | None:
    if driver is None or (driver.names_cuda and driver.names_cuda >= cuda):
        return None
    capability, found = next(entry for entry in admission.serving if entry[1].kind == "ptx")
    values = {
        "capability": capability,
        "ptx": str(found),
        "cuda": cuda_text(cuda),
        "found": cuda_text(driver.names_cuda) if driver.names_cuda else tr("no known version"),
    }
    return Refusal(
        "ptx-needs-newer-driver",
        tr(
            "serves {capability} only by compiling {ptx} at run time, which needs a driver that names CUDA {cuda}; this one names {found}"
        ),
        values,
    )


def _rocm_kernels(version: str, variant: str, target: Target) -> Admission | Refusal:
    gfx_list = rocm.gfx_list(variant, version)
    if gfx_list is None:
        return Admission(unlisted=bool(target.devices))
    for device in target.devices:
        if device.gfx and device.gfx not in gfx_list.gfx:
            built = ", ".join(gfx_list.gfx)
            values = {"gpu": device.name, "gfx": device.gfx, "built": built}
            return Refusal("no-kernel", tr("has no kernels for {gpu} ({gfx}); it is built for {built}"), values)
    return Admission(gfx_list=gfx_list)


def cuda_text(version: tuple[int, int]) -> str:
    """Write a CUDA version: `13.0`."""
    return f"{version[0]}.{version[1]}"
