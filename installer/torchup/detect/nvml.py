"""All NVIDIA GPUs and the driver through NVML, the library behind nvidia-smi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.nvml_errors import LIBRARY_NOT_FOUND, QUIET, nvml_error
from torchup.detect.pci import parse_address
from torchup.model.facts import Gpu
from torchup.words import tr

_MIB = 1024**2
_WSL_LIBRARY = "/usr/lib/wsl/lib/libnvidia-ml.so.1"
_SIGNS = ("/dev/nvidiactl", "/proc/driver/nvidia", "/sys/module/nvidia", "/usr/lib/wsl/lib")


class NvmlView(NamedTuple):
    """What NVML said. `error` is the return code of its start, None when it started.

    `problem` is set when it did not answer at all: it hung or crashed.
    """

    gpus: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    error: int | None = None
    problem: str | None = None

    @property
    def works(self) -> bool:
        """Whether NVML started and answered."""
        return self.error is None and self.problem is None


def read_nvml(host: Host, notes: Notes, *, hardware: bool) -> NvmlView:
    """Ask NVML for everything; without any sign of a driver or a card it is not even loaded.

    `hardware` says that the PCI bus has an NVIDIA card. The call runs isolated and time-limited, because
    NVML's C code can hang or crash on a broken driver.
    """
    wanted = hardware or any(host.exists(path) for path in _SIGNS) or host.system == "windows"
    if not host.live or host.system == "darwin" or not wanted:
        return NvmlView(error=LIBRARY_NOT_FOUND)
    from torchup.detect.isolate import call_isolated

    fallback = host.disk_path(_WSL_LIBRARY) if host.is_file(_WSL_LIBRARY) else None
    answer = call_isolated(ask_nvml, fallback, limit=host.limits.nvml, environ=host.environ)
    if answer.failure is not None:
        problem = tr("NVML failed: {failure}, {detail}", failure=answer.failure, detail=answer.detail)
        notes.add(f"nvml-{answer.failure}", tr("NVML gave no usable answer, which points to a broken driver."), problem)
        return NvmlView(problem=problem)
    return parse_nvml(answer.value, notes)


def ask_nvml(fallback_library: str | None = None) -> dict[str, Any]:
    """Put all questions to NVML and give the answers as JSON data, each as it came.

    `fallback_library` is loaded when the loader does not know NVML by itself: WSL keeps it in a folder of
    its own. A question that fails gives its return code instead of a value.
    """
    import pynvml

    if fallback_library is not None:
        _load_by_path(pynvml, fallback_library)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return {"init": error.value}
    try:
        count = _ask(pynvml, pynvml.nvmlDeviceGetCount)
        return {
            "init": 0,
            "driver": _ask(pynvml, pynvml.nvmlSystemGetDriverVersion),
            "cuda": _ask(pynvml, pynvml.nvmlSystemGetCudaDriverVersion),
            "count": count,
            "devices": [_ask_device(pynvml, index) for index in range(count.get("value", 0))],
        }
    finally:
        _ask(pynvml, pynvml.nvmlShutdown)


def parse_nvml(answers: dict[str, Any], notes: Notes) -> NvmlView:
    """Turn NVML's answers into GPUs and versions; every failed question becomes a finding of its own."""
    if answers["init"]:
        return NvmlView(error=answers["init"])
    driver = _value(answers["driver"], tr("driver version"), notes)
    cuda = _value(answers["cuda"], tr("CUDA version"), notes)
    _value(answers["count"], tr("number of GPUs"), notes)
    gpus = tuple(
        gpu for position, device in enumerate(answers["devices"]) if (gpu := _parse_device(device, position, notes))
    )
    return NvmlView(gpus=gpus, driver_version=driver, cuda_version=parse_cuda_version(cuda))


def parse_cuda_version(number: int | None) -> str | None:
    """Read NVML's CUDA version: 13040 is 13.4."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def _load_by_path(pynvml: Any, path: str) -> None:
    import ctypes

    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        try:
            pynvml.nvmlLib = ctypes.CDLL(path)
        except OSError:
            return  # nvmlInit then reports the missing library by itself


def _ask(pynvml: Any, question: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    try:
        return {"value": question(*arguments)}
    except pynvml.NVMLError as error:
        return {"error": error.value}
    except UnicodeDecodeError as error:
        return {"value": error.object.decode("utf-8", "replace")}


def _ask_device(pynvml: Any, index: int) -> dict[str, Any]:
    found = _ask(pynvml, pynvml.nvmlDeviceGetHandleByIndex, index)
    if "error" in found:
        return {"handle": found}
    handle = found["value"]
    pci = _ask(pynvml, pynvml.nvmlDeviceGetPciInfo, handle)
    if "value" in pci:
        bus_id = pci["value"].busId
        pci = {"value": [bus_id.decode() if isinstance(bus_id, bytes) else bus_id, pci["value"].pciDeviceId]}
    memory = _ask(pynvml, pynvml.nvmlDeviceGetMemoryInfo, handle)
    if "value" in memory:
        memory = {"value": memory["value"].total}
    mig = _ask(pynvml, pynvml.nvmlDeviceGetMigMode, handle)
    answers = {
        "handle": {"value": index},
        "name": _ask(pynvml, pynvml.nvmlDeviceGetName, handle),
        "uuid": _ask(pynvml, pynvml.nvmlDeviceGetUUID, handle),
        "pci": pci,
        "capability": _ask(pynvml, pynvml.nvmlDeviceGetCudaComputeCapability, handle),
        "memory": memory,
        "mig": mig,
        "compute_mode": _ask(pynvml, pynvml.nvmlDeviceGetComputeMode, handle),
    }
    if mig.get("value", (0,))[0]:
        answers["mig_instances"] = {"value": _count_mig_instances(pynvml, handle)}
    return answers


def _count_mig_instances(pynvml: Any, handle: Any) -> int:
    most = _ask(pynvml, pynvml.nvmlDeviceGetMaxMigDeviceCount, handle).get("value", 0)
    return sum(
        "value" in _ask(pynvml, pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index) for index in range(most)
    )


def _parse_device(answers: dict[str, Any], position: int, notes: Notes) -> Gpu | None:
    label = f"GPU {position}"
    if _value(answers["handle"], label, notes, optional=False) is None:
        return None
    pci = _value(answers["pci"], tr("{label}: PCI address", label=label), notes)
    capability = _value(answers["capability"], tr("{label}: compute capability", label=label), notes)
    memory = _value(answers["memory"], tr("{label}: memory", label=label), notes)
    mig = _value(answers["mig"], tr("{label}: MIG mode", label=label), notes)
    if mig and mig[0] and not answers["mig_instances"]["value"]:
        notes.add(
            "mig-without-instance",
            tr("MIG is enabled on a GPU, but no MIG instance exists: CUDA finds no device there."),
            label,
        )
    if _value(answers["compute_mode"], tr("{label}: compute mode", label=label), notes) == _PROHIBITED:
        notes.add("compute-mode-prohibited", tr("A GPU's compute mode forbids every program to use it."), label)
    return Gpu(
        index=position,
        vendor="nvidia",
        name=_value(answers["name"], tr("{label}: name", label=label), notes) or None,
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else None,
        pci_id=_pci_id(pci[1]) if pci else None,
        pci_address=parse_address(pci[0]) if pci else None,
        memory_mib=memory // _MIB if memory else None,
        uuid=_value(answers["uuid"], tr("{label}: UUID", label=label), notes) or None,
        mig=("enabled" if mig[0] else "disabled") if mig else None,
        source="nvml",
    )


_PROHIBITED = 2


def _pci_id(number: int) -> str:
    """Split NVML's number, device in the upper and vendor in the lower half."""
    return f"{number & 0xFFFF:04x}:{number >> 16:04x}"


def _value(answer: dict[str, Any], question: str, notes: Notes, *, optional: bool = True) -> Any:
    number = answer.get("error")
    if number is None:
        return answer["value"]
    if number not in QUIET or not optional:
        error = nvml_error(number)
        notes.add(error.code, error.text, tr("{question}: NVML returned {error}", question=question, error=number))
    return None
