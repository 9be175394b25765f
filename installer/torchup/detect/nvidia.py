"""The NVIDIA driver and its GPUs, put together from NVML, nvidia-smi and the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torchup.detect.driver_origin import Installed, read_driver_origin
from torchup.detect.host import Host
from torchup.detect.loader import find_library, library_version
from torchup.detect.notes import Notes
from torchup.detect.nvidia_kernel import KernelView, has_nvidia_module, note_kernel_obstacles, read_kernel
from torchup.detect.nvml import NvmlView, read_nvml
from torchup.detect.nvml_errors import DRIVER_NOT_LOADED, FUNCTION_NOT_FOUND, LIBRARY_NOT_FOUND, nvml_error
from torchup.detect.pci import PciDevice
from torchup.model.facts import DriverState, Gpu, NvidiaDriver, Surroundings
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.detect.nvidia_smi import SmiView

_MODULE_DRIVERS = {"nouveau", "nova_core"}
_ASK_SMI = {LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND, None}


class NvidiaView(NamedTuple):
    """The driver (None where nothing points to NVIDIA) and the GPUs it serves."""

    driver: NvidiaDriver | None
    gpus: tuple[Gpu, ...] = ()


class Evidence(NamedTuple):
    """All that the driver's state is decided from.

    `error` is the return code of NVML, or the one behind nvidia-smi's words; `answered` says that one of
    the two worked, and `served` how many GPUs it named. `cards` counts NVIDIA cards on the PCI bus, and
    `bus_visible` says whether the bus could be seen at all. Library versions are those of file names.
    """

    answered: bool
    served: int
    error: int | None
    cards: int
    bus_visible: bool
    nouveau: bool
    kernel: KernelView
    module_on_disk: bool
    nvml_library: str | None
    cuda_library: str | None
    wsl: bool = False
    jetson: bool = False
    container: bool = False


def read_nvidia(host: Host, notes: Notes, around: Surroundings, cards: tuple[PciDevice, ...]) -> NvidiaView:
    """Find out how the NVIDIA driver is, and which GPUs it serves."""
    kernel = read_kernel(host)
    nvml = read_nvml(host, notes, hardware=bool(cards))
    smi = None if nvml.works or nvml.error not in _ASK_SMI else _ask_nvidia_smi(host, notes)
    worked = smi if smi is not None and smi.error is None else None
    served = nvml.gpus if nvml.works else worked.gpus if worked else ()
    evidence = Evidence(
        answered=nvml.works or worked is not None,
        served=len(served),
        error=smi.error if smi is not None and smi.error is not None else nvml.error,
        cards=len(cards),
        bus_visible=host.is_dir("/sys/bus/pci/devices"),
        nouveau=any(card.driver in _MODULE_DRIVERS for card in cards),
        kernel=kernel,
        module_on_disk=not kernel.loaded and bool(cards) and has_nvidia_module(host),
        nvml_library=find_library(host, "libnvidia-ml.so.1"),
        cuda_library=find_library(host, "libcuda.so.1"),
        wsl=around.wsl > 0,
        jetson=around.jetson is not None,
        container=around.container is not None,
    )
    state = judge_driver(evidence)
    if state is None:
        if evidence.nvml_library:
            text = tr("NVIDIA driver libraries are installed, but the machine shows no NVIDIA GPU.")
            notes.add("nvidia-library-without-gpu", text, evidence.nvml_library)
        return NvidiaView(driver=None)
    _note_state(notes, state, evidence, nvml)
    if not around.wsl and around.container is None and around.jetson is None:
        note_kernel_obstacles(host, notes, secure_boot=around.secure_boot, kernel=kernel)
    if state == "ok" and kernel.loaded and not around.wsl and not around.jetson and not host.exists("/dev/nvidia-uvm"):
        text = tr(
            "The device /dev/nvidia-uvm is missing: CUDA needs it, and nvidia-modprobe or a service has to create it."
        )
        notes.add("nvidia-uvm-missing", text, "/dev/nvidia-uvm")
    user_side = library_version(evidence.nvml_library) or library_version(evidence.cuda_library)
    own = not (around.wsl or around.container or around.jetson)
    installed = read_driver_origin(host) if own else Installed()
    return NvidiaView(
        driver=NvidiaDriver(
            state=state,
            driver_version=_first(nvml.driver_version, worked.driver_version if worked else None, user_side)
            or (kernel.version if state == "ok" else None),
            cuda_version=_first(nvml.cuda_version, worked.cuda_version if worked else None),
            kernel_module=kernel.flavour,
            loaded_version=kernel.version,
            origin=installed.origin,
            packages=installed.packages,
        ),
        gpus=served or kernel.gpus,
    )


def _ask_nvidia_smi(host: Host, notes: Notes) -> SmiView | None:
    from torchup.detect.nvidia_smi import read_nvidia_smi

    return read_nvidia_smi(host, notes)


def judge_driver(evidence: Evidence) -> DriverState | None:
    """Decide the driver's state; None when nothing points to an NVIDIA GPU or driver."""
    kernel = evidence.kernel
    if evidence.answered:
        if evidence.served or not evidence.cards:
            return "ok"
        return "error" if kernel.device_nodes or not evidence.container else "no_device_nodes"
    if evidence.jetson:
        return "ok" if evidence.cuda_library else "missing"
    if not (evidence.cards or kernel.loaded or kernel.control_node) and (
        evidence.bus_visible or evidence.error in (None, LIBRARY_NOT_FOUND)
    ):
        # WSL shows its GPU on no bus: there the library alone tells that Windows has an NVIDIA driver.
        return _by_error(evidence.error) if evidence.wsl and evidence.nvml_library else None
    if evidence.wsl:
        return _by_error(evidence.error)
    return _judge_loaded(evidence) if kernel.loaded else _judge_unloaded(evidence)


def _judge_loaded(evidence: Evidence) -> DriverState:
    kernel = evidence.kernel
    user_side = library_version(evidence.nvml_library) or library_version(evidence.cuda_library)
    if nvml_error(evidence.error or 0).state == "mismatch" or (
        user_side and kernel.version and user_side != kernel.version
    ):
        return "mismatch"
    if not kernel.control_node or not kernel.device_nodes:
        return "no_device_nodes"
    if kernel.closed_nodes:
        return "no_permission"
    if evidence.error == LIBRARY_NOT_FOUND:
        # A container that was given the compute capability only has CUDA's library, but not NVML's.
        return "ok" if evidence.cuda_library else "missing"
    state = _by_error(evidence.error)
    return "error" if state in ("not_loaded", "missing") else state


def _judge_unloaded(evidence: Evidence) -> DriverState:
    if evidence.error not in (None, LIBRARY_NOT_FOUND, DRIVER_NOT_LOADED):
        return _by_error(evidence.error)
    if evidence.nouveau:
        return "nouveau"
    return "not_loaded" if evidence.nvml_library or evidence.module_on_disk else "missing"


def _by_error(error: int | None) -> DriverState:
    return "error" if error is None else nvml_error(error).state


def _first(*versions: str | None) -> str | None:
    return next((version for version in versions if version), None)


def _note_state(notes: Notes, state: DriverState, evidence: Evidence, nvml: NvmlView) -> None:
    kernel = evidence.kernel
    if nvml.error is not None and (nvml.error != LIBRARY_NOT_FOUND or kernel.loaded or evidence.nvml_library):
        error = nvml_error(nvml.error)
        notes.add(error.code, error.text, tr("nvmlInit returned {error}", error=nvml.error))
    if state == "nouveau":
        text = tr("The card is driven by nouveau, which has no CUDA; NVIDIA's driver has to take its place.")
        notes.add("nouveau-loaded", text, tr("kernel driver in use: nouveau"))
    elif state == "mismatch":
        text = tr("The driver's libraries and the loaded kernel module differ; a reboot loads the new module.")
        notes.add(
            "driver-library-mismatch",
            text,
            tr(
                "module {module}, library {library}",
                module=kernel.version,
                library=evidence.nvml_library or evidence.cuda_library,
            ),
        )
    elif state == "no_device_nodes":
        text = tr("The NVIDIA kernel module is loaded, but its devices are missing here.")
        if evidence.container:
            text = tr("The host has an NVIDIA driver, but this container was started without access to the GPUs.")
        notes.add("nvidia-device-nodes-missing", text, "/dev/nvidiactl, /dev/nvidia0")
    elif state == "no_permission":
        text = tr("This user may not open the NVIDIA devices.")
        notes.add("nvidia-devices-closed", text, ", ".join(kernel.closed_nodes) or tr("NVML returned {error}", error=4))
    elif state == "error" and evidence.answered:
        text = tr(
            "The NVIDIA driver is loaded but serves none of the cards; it may not support them, or needs its other flavour."
        )
        notes.add(
            "nvidia-driver-serves-no-gpu",
            text,
            tr(
                "{cards} on the PCI bus, module {module}, {flavour}",
                cards=evidence.cards,
                module=kernel.version,
                flavour=kernel.flavour,
            ),
        )
    elif state == "ok" and not evidence.answered and not evidence.jetson:
        text = tr("NVML is not available here, so the driver was judged by the kernel and by CUDA's library alone.")
        notes.add("nvml-unavailable", text, evidence.cuda_library)
