"""Values of a facts file that contradict each other or cannot be read as what they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchup.model.facts import Gpu, MachineFacts, NvidiaDriver
from torchup.model.serial import PathKey, Problem
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.words import tr

_DOTTED = re.compile(r"\d+(\.\d+)+", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)*", re.ASCII)
_PYTHON = re.compile(r"\d+\.\d+(\.\d+)?([a-z+].*)?", re.ASCII)
_GFX = re.compile(r"gfx[0-9a-f]{3,5}", re.ASCII)
_FIRST_FREE_THREADED = (3, 13)


def contradictions(facts: MachineFacts) -> tuple[Problem, ...]:
    """Give every problem of facts whose shape is right, at the path of the value that is wrong."""
    return (*_system(facts), *_gpus(facts), *_nvidia(facts), *_programs(facts), *_amounts(facts))


def _system(facts: MachineFacts) -> Iterator[Problem]:
    system, context = facts.os.system, facts.context
    if not facts.os.arch.strip():
        yield Problem(("os", "arch"), tr("is empty"))
    if facts.os.libc is not None and system != "linux":
        yield Problem(
            ("os", "libc"),
            tr("{libc} is a library of Linux, and the system is {system}", libc=facts.os.libc, system=system),
        )
    if facts.os.libc_version is not None and not _DOTTED.match(facts.os.libc_version):
        yield _unreadable(("os", "libc_version"), facts.os.libc_version, tr("version such as 2.39"))
    if context.wsl and system != "linux":
        yield Problem(("context", "wsl"), tr("WSL runs Linux, and the system is {system}", system=system))
    if context.container is not None and system == "darwin":
        yield Problem(
            ("context", "container"), tr("containers run Linux or Windows, and the system is {system}", system=system)
        )
    if context.jetson is not None and facts.os.arch not in ("aarch64", "arm64"):
        yield Problem(("context", "jetson"), tr("a Jetson is aarch64, and os.arch is {arch}", arch=facts.os.arch))


def _gpus(facts: MachineFacts) -> Iterator[Problem]:
    places: dict[tuple[str, str], int] = {}
    for number, gpu in enumerate(facts.gpus):
        yield from _one_gpu(gpu, ("gpus", number), facts.os.system)
        same = {"index": f"{gpu.vendor} {gpu.index}", "uuid": gpu.uuid}
        if gpu.mig != "enabled":  # the slices of one card share its address
            same["pci_address"] = gpu.pci_address
        for key, value in same.items():
            if value is not None and places.setdefault((key, value), number) != number:
                first = places[key, value]
                yield Problem(
                    ("gpus", number, key),
                    tr("{value!r} is also that of gpus[{first}]", value=value.rpartition(" ")[2], first=first),
                )


def _one_gpu(gpu: Gpu, path: tuple[PathKey, ...], system: str) -> Iterator[Problem]:
    if gpu.index < 0:
        yield Problem((*path, "index"), tr("is negative"))
    if gpu.compute_capability is not None:
        if gpu.vendor != "nvidia":
            yield Problem(
                (*path, "compute_capability"),
                tr("only NVIDIA GPUs have one, and the vendor is {vendor}", vendor=gpu.vendor),
            )
        try:
            ComputeCapability.parse(gpu.compute_capability)
        except ValueError:
            yield _unreadable(
                (*path, "compute_capability"), gpu.compute_capability, tr("compute capability such as 8.9")
            )
    if gpu.gfx is not None:
        if gpu.vendor != "amd":
            yield Problem((*path, "gfx"), tr("only AMD GPUs have one, and the vendor is {vendor}", vendor=gpu.vendor))
        if not _GFX.match(gpu.gfx):
            yield _unreadable((*path, "gfx"), gpu.gfx, tr("target such as gfx1100"))
    if gpu.vendor == "apple" and system != "darwin":
        yield Problem((*path, "vendor"), tr("Apple's GPUs run macOS, and the system is {system}", system=system))


def _nvidia(facts: MachineFacts) -> Iterator[Problem]:
    driver = facts.nvidia
    if driver is None:
        for number, gpu in enumerate(facts.gpus):
            if gpu.source in ("nvml", "nvidia-smi"):
                text = tr(
                    "{source} found this GPU, which takes a working driver, and there is no nvidia section",
                    source=gpu.source,
                )
                yield Problem(("gpus", number, "source"), text)
        return
    for key, version in (("driver_version", driver.driver_version), ("loaded_version", driver.loaded_version)):
        if version is not None and not _is_driver_version(version):
            yield _unreadable(("nvidia", key), version, tr("driver version such as 580.65.06"))
    if driver.cuda_version is not None and not _DOTTED.match(driver.cuda_version):
        yield _unreadable(("nvidia", "cuda_version"), driver.cuda_version, tr("CUDA version such as 13.0"))
    yield from _driver_state(driver, jetson=facts.context.jetson is not None)


def _driver_state(driver: NvidiaDriver, *, jetson: bool) -> Iterator[Problem]:
    if driver.state == "ok" and driver.driver_version is None and not jetson:
        yield Problem(
            ("nvidia", "state"), tr("is ok, and driver_version is unknown; a driver that works tells its version")
        )
    if driver.state == "missing" and driver.driver_version is not None:
        yield Problem(
            ("nvidia", "state"),
            tr("is missing, and driver_version is {version}", version=driver.driver_version),
        )
    if driver.state in ("missing", "not_loaded", "nouveau") and driver.loaded_version is not None:
        yield Problem(
            ("nvidia", "state"),
            tr(
                "is {state}, and loaded_version is {version}",
                state=driver.state,
                version=driver.loaded_version,
            ),
        )
    if driver.state == "mismatch" and driver.driver_version == driver.loaded_version is not None:
        yield Problem(("nvidia", "state"), tr("is mismatch, and driver_version and loaded_version are the same"))


def _programs(facts: MachineFacts) -> Iterator[Problem]:
    for number, python in enumerate(facts.pythons):
        path = ("pythons", number)
        if not _PYTHON.fullmatch(python.version):
            yield _unreadable((*path, "version"), python.version, tr("Python version such as 3.12.3"))
        elif python.free_threaded and _minor(python.version) < _FIRST_FREE_THREADED:
            yield Problem(
                (*path, "free_threaded"),
                tr("free-threaded Pythons begin with 3.13, and this is {version}", version=python.version),
            )
    for number, toolkit in enumerate(facts.toolkits):
        if toolkit.version is not None and not _NUMBER.match(toolkit.version):
            yield _unreadable(("toolkits", number, "version"), toolkit.version, tr("CUDA version such as 13.0"))
    for number, torch in enumerate(facts.torch):
        if not _DOTTED.match(torch.version):
            yield _unreadable(("torch", number, "version"), torch.version, tr("version such as 2.13.0+cpu"))


def _amounts(facts: MachineFacts) -> Iterator[Problem]:
    amounts: dict[tuple[PathKey, ...], int | None] = {
        ("space", "home_mib"): facts.space.home_mib,
        ("space", "tmp_mib"): facts.space.tmp_mib,
        ("space", "shm_mib"): facts.space.shm_mib,
        ("space", "memory_mib"): facts.space.memory_mib,
        ("user", "uid"): facts.user.uid,
        **{("gpus", number, "memory_mib"): gpu.memory_mib for number, gpu in enumerate(facts.gpus)},
    }
    for path, amount in amounts.items():
        if amount is not None and amount < 0:
            yield Problem(path, tr("{amount} is negative", amount=amount))


def _is_driver_version(text: str) -> bool:
    try:
        DriverVersion.parse(text)
    except ValueError:
        return False
    return True


def _minor(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _unreadable(path: tuple[PathKey, ...], text: str, wanted: str) -> Problem:
    return Problem(path, tr("{text!r} is no {wanted}", text=text, wanted=wanted))
