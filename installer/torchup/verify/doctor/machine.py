"""The layers of the machine: bus, firmware, kernel, devices, driver, masks. Rules over facts, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torchup.model.diagnosis import Found, LayerName
from torchup.verify.causes import cause_of_finding, causes_in, known_causes
from torchup.verify.doctor.cuda import cuinit
from torchup.verify.doctor.engine import Look
from torchup.verify.doctor.subject import Subject
from torchup.words import mark, tr

Rule = tuple[LayerName, str, Callable[[Subject], str | None]]

_STATES = {
    "missing": "driver-missing",
    "not_loaded": "driver-not-loaded",
    "mismatch": "nvml-driver-library-mismatch",
    "nouveau": "nouveau-loaded",
    "no_device_nodes": "nvidia-devices-missing",
    "no_permission": "gpu-devices-closed",
    "error": "driver-serves-no-gpu",
}
_SAYS = {
    "missing": mark("no NVIDIA driver is installed"),
    "not_loaded": mark("the NVIDIA driver is installed and not loaded"),
    "mismatch": mark("the driver's libraries and the loaded module differ"),
    "nouveau": mark("nouveau drives the card"),
    "no_device_nodes": mark("the module is loaded, and /dev/nvidia* are not there"),
    "no_permission": mark("/dev/nvidia* may not be opened"),
    "error": mark("the driver serves no card"),
}
_WSL_PACKAGES = ("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
_COMPUTE = {"all", "compute"}
# What a "driver error" is in truth, where the kernel says more.
_TOLD_BY_KERNEL = ("gsp-firmware-init-failed", "above-4g-rebar-off", "open-modules-required", "xid-79-fallen-off-bus")


def _state(cause: str) -> Callable[[Subject], str | None]:
    def rule(subject: Subject) -> str | None:
        driver = subject.facts.nvidia
        if driver is None or _STATES.get(driver.state) != cause:
            return None
        versions = {
            mark("module {version}"): driver.loaded_version,
            mark("libraries {version}"): driver.driver_version,
        }
        known = ", ".join(tr(text, version=version) for text, version in versions.items() if version)
        return tr(_SAYS[driver.state]) + (f" ({known})" if known else "")

    return rule


def _container_without_gpus(subject: Subject) -> str | None:
    facts, environ = subject.facts, subject.environ
    if facts.context.container is None or facts.nvidia is None or facts.nvidia.state == "ok":
        return None
    if environ.get("NVIDIA_VISIBLE_DEVICES") in ("", "void", "none"):
        return f"NVIDIA_VISIBLE_DEVICES={environ['NVIDIA_VISIBLE_DEVICES']!r}"
    given = environ.get("NVIDIA_DRIVER_CAPABILITIES")
    if given and not _COMPUTE & set(given.split(",")):
        return f"NVIDIA_DRIVER_CAPABILITIES={given}"
    if facts.nvidia.state in ("missing", "no_device_nodes"):
        return tr(
            "a {kind} container in which {state}",
            kind=facts.context.container,
            state=tr(_SAYS[facts.nvidia.state]),
        )
    return None


def _lost_after_reload(subject: Subject) -> str | None:
    found = {finding.code: finding for finding in subject.facts.findings}
    if subject.facts.context.container is None or "nvml-unknown" not in found:
        return None
    return tr("in a container, {text}", text=found["nvml-unknown"].text)


def _linux_packages_in_wsl(subject: Subject) -> str | None:
    if not subject.facts.context.wsl:
        return None
    return next((path for path in _WSL_PACKAGES if subject.host.is_file(path)), None)


def _amd_is_not_served(subject: Subject) -> str | None:
    amd = [gpu for gpu in subject.facts.gpus if gpu.vendor == "amd"]
    if not amd or not subject.host.exists("/dev/kfd") or subject.host.accessible("/dev/kfd"):
        return None
    return tr("/dev/kfd may not be opened by this user")


def _gpu_build_without_gpu(subject: Subject) -> str | None:
    variant = subject.variant
    if subject.gpus or variant in (None, "cpu"):
        return None
    return tr("torch {variant} is installed, and no GPU is seen", variant=variant)


# In the order of the layers; within a layer the telling cause comes before the general one.
RULES: tuple[Rule, ...] = (
    ("bus", "no-gpu-to-test", _gpu_build_without_gpu),
    ("kernel", "nouveau-loaded", _state("nouveau-loaded")),
    ("kernel", "nvml-driver-library-mismatch", _state("nvml-driver-library-mismatch")),
    ("devices", "container-driver-capabilities", _container_without_gpus),
    ("devices", "container-lost-gpu-daemon-reload", _lost_after_reload),
    ("kernel", "driver-missing", _state("driver-missing")),
    ("kernel", "driver-not-loaded", _state("driver-not-loaded")),
    ("kernel", "driver-serves-no-gpu", _state("driver-serves-no-gpu")),
    ("devices", "nvidia-devices-missing", _state("nvidia-devices-missing")),
    ("devices", "gpu-devices-closed", _state("gpu-devices-closed")),
    ("devices", "rocm-kfd-permission", _amd_is_not_served),
    ("driver", "wsl-apt-nvidia-utils", _linux_packages_in_wsl),
)


def look(layer: LayerName) -> Callable[[Subject], Look]:
    """Give the look at one layer of the machine."""

    def at(subject: Subject) -> Look:
        return Look(seen=_SEEN[layer](subject), found=tuple(_found(layer, subject)))

    return at


def _found(layer: LayerName, subject: Subject) -> Iterator[Found]:
    in_container = subject.facts.context.container is not None or bool(subject.facts.context.wsl)
    by_finding = list(_by_findings(layer, subject))
    told = {found.cause for found in by_finding}
    yield from by_finding
    for where, cause, holds in RULES:
        if where != layer or cause in told or (in_container and _is_the_hosts(cause, subject)):
            continue
        evidence = holds(subject)
        if evidence is not None:
            yield _told_better(cause, evidence, subject)
    if layer == "driver" and subject.has_nvidia:
        yield from cuinit(subject)


def _is_the_hosts(cause: str, subject: Subject) -> bool:
    """Tell whether a state of the driver says nothing here: in a container and in WSL it is the host's."""
    codes = {finding.code for finding in subject.facts.findings}
    told_later = {"nvml-unknown", "nvml-operating-system", "wsl-without-dxg", "wsl1-without-gpu"} & codes
    return cause in ("driver-missing", "driver-not-loaded") or (cause == "driver-serves-no-gpu" and bool(told_later))


def _by_findings(layer: LayerName, subject: Subject) -> Iterator[Found]:
    for finding in subject.facts.findings:
        cause = cause_of_finding(finding.code)
        if cause is None or known_causes()[cause].layer != layer:
            continue
        if cause == "open-modules-required" and subject.facts.nvidia and subject.facts.nvidia.kernel_module == "open":
            continue
        evidence = finding.text if finding.evidence is None else f"{finding.text} ({finding.evidence})"
        found = _told_better(cause, evidence, subject)
        yield found if finding.code not in _REMARKS else Found(cause=cause, evidence=(evidence,), severity="warn")


# Findings that are no blocker as long as everything else works.
_REMARKS = frozenset(
    {
        "gpu-not-in-container",
        "gpu-not-served",
        "open-module-required",
        "proprietary-module-required",
        "nvidia-library-without-gpu",
        "library-path-compat",
        "kernel-modules-missing",
    }
)


def _told_better(cause: str, evidence: str, subject: Subject) -> Found:
    if cause == "driver-serves-no-gpu":
        for name, line in causes_in(subject.kernel_log()):
            if name in _TOLD_BY_KERNEL:
                return Found(cause=name, evidence=(evidence, tr("the kernel says: {line}", line=line)))
    if cause == "nvidia-devices-missing" and subject.facts.context.container is not None:
        return Found(cause="container-driver-capabilities", evidence=(evidence,))
    return Found(cause=cause, evidence=(evidence,))


def _seen_gpus(subject: Subject) -> str:
    return ", ".join(gpu.name or gpu.pci_id or gpu.vendor for gpu in subject.facts.gpus) or tr("no GPU")


def _seen_firmware(subject: Subject) -> str:
    texts = {True: mark("Secure Boot is on"), False: mark("Secure Boot is off"), None: mark("Secure Boot is unknown")}
    return tr(texts[subject.facts.context.secure_boot])


def _seen_kernel(subject: Subject) -> str:
    driver = subject.facts.nvidia
    if driver is None:
        return tr("kernel {release}, no NVIDIA driver", release=subject.facts.os.kernel or tr("unknown"))
    flavour = f" ({driver.kernel_module})" if driver.kernel_module else ""
    if driver.loaded_version is None:
        return tr("NVIDIA module not loaded") + flavour
    return tr("NVIDIA module {version}", version=driver.loaded_version) + flavour


def _seen_devices(subject: Subject) -> str:
    names = [*subject.host.names("/dev", prefix="nvidia"), *subject.host.names("/dev", prefix="kfd")]
    return ", ".join(f"/dev/{name}" for name in names) or tr("no GPU devices in /dev")


def _seen_driver(subject: Subject) -> str:
    driver = subject.facts.nvidia
    if driver is None:
        return tr("no NVIDIA driver")
    cuda = f", CUDA {driver.cuda_version}" if driver.cuda_version else ""
    said = subject.notes.get("cuinit")
    return (
        tr("driver {version}", version=driver.driver_version or tr("unknown"))
        + cuda
        + (tr(", cuInit answers {code}", code=said) if said else "")
    )


def _seen_masks(subject: Subject) -> str:
    names = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
    masks = [f"{name}={subject.environ[name]!r}" for name in names if name in subject.environ]
    return ", ".join(masks) or tr("no variable limits the GPUs")


_SEEN: dict[LayerName, Callable[[Subject], str]] = {
    "bus": _seen_gpus,
    "firmware": _seen_firmware,
    "kernel": _seen_kernel,
    "devices": _seen_devices,
    "driver": _seen_driver,
    "masks": _seen_masks,
}
