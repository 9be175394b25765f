"""A machine in a few lines, for the start of the wizard and the top of an example file."""

from __future__ import annotations

from collections.abc import Iterable

from torchup.model.facts import Gpu, MachineFacts, NvidiaDriver
from torchup.words import mark, tr

_MIB_PER_GIB = 1024

DRIVER_STATES = {
    "ok": mark("works"),
    "missing": mark("is not installed"),
    "not_loaded": mark("is installed, but its kernel module is not loaded"),
    "mismatch": mark("does not match the loaded kernel module; a restart is needed"),
    "nouveau": mark("is not in use: the card runs on nouveau"),
    "no_device_nodes": mark("has no device nodes here"),
    "no_permission": mark("may not be used by this account"),
    "error": mark("reports an error"),
}


def machine_summary(facts: MachineFacts) -> tuple[str, ...]:
    """Give one line each for the system, the GPUs, the driver, the Pythons, the shells, and what is odd."""
    lines = [tr("System: {system}", system=_system(facts))]
    lines += [tr("GPU {index}: {gpu}", index=gpu.index, gpu=_gpu(gpu)) for gpu in facts.gpus] or [tr("GPU: none found")]
    if facts.nvidia is not None:
        lines.append(tr("NVIDIA driver: {driver}", driver=_driver(facts.nvidia)))
    if facts.pythons:
        lines.append(tr("Python: {versions}", versions=_joined(python.version for python in facts.pythons)))
    if facts.toolkits:
        kits = (
            tr("{version} at {path}", version=kit.version or tr("unknown"), path=kit.path) for kit in facts.toolkits
        )
        lines.append(tr("CUDA toolkit: {toolkits}", toolkits=_joined(kits)))
    if facts.conda:
        lines.append(f"conda: {_joined(member.path for member in facts.conda)}")
    shell = facts.shells.current or facts.shells.login
    if shell:
        lines.append(tr("Shell: {shell}", shell=shell))
    lines += [tr("Odd: {finding}", finding=finding.text) for finding in facts.findings]
    return tuple(lines)


def _system(facts: MachineFacts) -> str:
    name = " ".join(part for part in (facts.os.id or facts.os.system, facts.os.version) if part)
    around = [f"WSL {facts.context.wsl}"] if facts.context.wsl else []
    around += [tr("in a container ({kind})", kind=facts.context.container)] if facts.context.container else []
    around += [f"Jetson {facts.context.jetson}"] if facts.context.jetson else []
    return ", ".join([tr("{system} on {arch}", system=name, arch=facts.os.arch), *around])


def _gpu(gpu: Gpu) -> str:
    about = [tr("compute capability {capability}", capability=gpu.compute_capability)] if gpu.compute_capability else []
    about += [gpu.gfx] if gpu.gfx else []
    about += [f"{gpu.memory_mib / _MIB_PER_GIB:.0f} GiB"] if gpu.memory_mib else []
    name = gpu.name or gpu.chip or f"{gpu.vendor} {gpu.pci_id or ''}".strip()
    return ", ".join([name, *about])


def _driver(driver: NvidiaDriver) -> str:
    version = f"{driver.driver_version} " if driver.driver_version else ""
    cuda = tr(", for CUDA up to {version}", version=driver.cuda_version) if driver.cuda_version else ""
    return f"{version}{tr(DRIVER_STATES[driver.state])}{cuda}"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(parts))
