"""What CUDA itself answers at its start, asked in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from torchup.model.diagnosis import Found
from torchup.verify.doctor.subject import Subject
from torchup.words import tr

_ASK = "import ctypes; print(ctypes.CDLL('libcuda.so.1').cuInit(0))"
_SECONDS = 60.0
_NVSWITCH_CLASS, _NVIDIA = "0x0680", "0x10de"
_NOT_READY, _UNKNOWN = 802, 999

# CUresult of cuda.h.
_CAUSES = {
    35: "driver-too-old",
    46: "exclusive-compute-mode",
    100: "cuda-visible-devices-hides-gpu",
    214: "ecc-uncorrectable",
    803: "error-803-driver-mix",
    804: "forward-compat-804",
}


def cuinit(subject: Subject) -> Iterator[Found]:
    """Ask cuInit where the driver seems to be right, and name what its answer stands for."""
    driver = subject.facts.nvidia
    if driver is None or driver.state != "ok" or not subject.host.live or sys.platform == "win32":
        return
    # Without the masks: those are a layer of their own.
    environ = {name: value for name, value in subject.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    ran = subject.ask((sys.executable, "-I", "-S", "-c", _ASK), environ, _SECONDS)
    said = ran.stdout.strip()
    if ran.returncode != 0 or not said.isdigit():
        if "libcuda.so.1" in ran.stderr:
            text = ran.stderr.strip().splitlines()[-1]
            in_wsl = bool(subject.facts.context.wsl)
            contained = subject.facts.context.container is not None
            cause = "container-driver-capabilities" if contained else "driver-missing"
            yield Found(cause="wsl-libcuda-not-on-path" if in_wsl else cause, evidence=(text,))
        return
    subject.notes["cuinit"] = said
    code = int(said)
    if code == _NOT_READY:
        switches = nvswitches(subject)
        cause = "fabric-manager-missing" if switches else "error-802-without-nvswitch"
        seen = tr("NVSwitch at {places}", places=", ".join(switches)) if switches else tr("no NVSwitch on the PCI bus")
        yield Found(cause=cause, evidence=(tr("cuInit answers {code}", code=code), seen))
    elif code == _UNKNOWN:
        there = subject.host.exists("/dev/nvidia-uvm")
        state = tr("/dev/nvidia-uvm is there") if there else tr("/dev/nvidia-uvm is missing")
        cause = "uvm-after-suspend" if there else "uvm-device-missing"
        yield Found(cause=cause, evidence=(tr("cuInit answers {code}", code=code), state))
    elif code in _CAUSES:
        yield Found(cause=_CAUSES[code], evidence=(tr("cuInit answers {code}", code=code),))


def nvswitches(subject: Subject) -> tuple[str, ...]:
    """List the PCI addresses of NVSwitch bridges (vendor 10de, class 0680)."""
    folder = "/sys/bus/pci/devices"
    host = subject.host
    return tuple(
        name
        for name in host.names(folder)
        if host.read_line(f"{folder}/{name}/vendor") == _NVIDIA
        and (host.read_line(f"{folder}/{name}/class") or "").startswith(_NVSWITCH_CLASS)
    )
