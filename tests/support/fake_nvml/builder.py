"""Build the NVML stub and describe machines to it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.tools import require

_SOURCE = Path(__file__).with_name("nvml_stub.c")
SONAME = "libnvidia-ml.so.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StubGpu:
    """One GPU of a stub machine; `mig` None means that the card has no such mode."""

    name: str
    pci_id: str
    bus_id: str
    capability: str
    memory_mib: int | None = 24564
    uuid: str = "GPU-00000000-0000-0000-0000-000000000000"
    mig: bool | None = None
    instances: int = 0

    def line(self) -> str:
        vendor, _, device = self.pci_id.partition(":")
        major, _, minor = self.capability.partition(".")
        memory = "-" if self.memory_mib is None else str(self.memory_mib)
        mig = "-" if self.mig is None else str(int(self.mig))
        fields = (
            self.name,
            self.uuid,
            self.bus_id,
            f"{device}{vendor}",
            major,
            minor,
            memory,
            mig,
            str(self.instances),
        )
        return "|".join(fields)


def build_stub(folder: Path) -> Path:
    """Compile the stub into a folder that can be given to the loader; gives that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [require("gcc"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-Wl,-soname,{SONAME}"]
    subprocess.run([*command, "-o", str(folder / SONAME), str(_SOURCE)], check=True)
    return folder


def stub_environment(
    folder: Path,
    *gpus: StubGpu,
    driver: str = "580.95.05",
    cuda: int = 13000,
    init: int = 0,
    fail: dict[str, int] | None = None,
    misbehave: str | None = None,
    compute_mode: int = 0,
) -> dict[str, str]:
    """Give the variables that make the stub in `folder` describe a machine."""
    environ = {
        "LD_LIBRARY_PATH": str(folder),
        "NVML_STUB_INIT": str(init),
        "NVML_STUB_DRIVER": driver,
        "NVML_STUB_CUDA": str(cuda),
        "NVML_STUB_GPUS": "\n".join(gpu.line() for gpu in gpus),
        "NVML_STUB_FAIL": "\n".join(f"{function}={code}" for function, code in (fail or {}).items()),
        "NVML_STUB_COMPUTE_MODE": str(compute_mode),
    }
    return environ | ({"NVML_STUB_MISBEHAVE": misbehave} if misbehave else {})
