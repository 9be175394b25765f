"""What is examined: the machine, the interpreter, its packages, and the few commands that may be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torchup.detect.commands import Ran
from torchup.detect.host import Host
from torchup.knowledge.rocm import gfx_lists
from torchup.knowledge.xpu import is_supported_intel
from torchup.model.facts import Gpu, MachineFacts
from torchup.model.outcome import Report
from torchup.verify.doctor.packages import Packages

Ask = Callable[[tuple[str, ...], Mapping[str, str], float], Ran]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What an interpreter says of itself; `problem` is why it says nothing."""

    path: str
    version: str = ""
    bits: int = 64
    prefix: str = ""
    base_prefix: str = ""
    include: str = ""
    sites: tuple[str, ...] = ()
    user_site: str | None = None
    machine: str = ""
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class Subject:
    """Everything that the layers look at.

    `interpreter` and `packages` are None where there is no environment to look into. `ask` runs a
    command; `folder` is the person's current one; `quick_test` runs the tensor test, None where it is not wanted. What a layer learned for
    those below it is kept in `report` and `cuinit`.
    """

    facts: MachineFacts
    environ: Mapping[str, str]
    host: Host
    ask: Ask
    interpreter: Interpreter | None = None
    packages: Packages | None = None
    planned_variant: str | None = None
    folder: str | None = None
    quick_test: Callable[[], Report] | None = None
    kernel_log: Callable[[], str] = lambda: ""
    report: Report | None = None
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs that torch has builds for."""
        return usable_gpus(self.facts)

    @property
    def has_nvidia(self) -> bool:
        """Whether an NVIDIA GPU or driver is there to be judged."""
        return self.facts.nvidia is not None or any(gpu.vendor == "nvidia" for gpu in self.facts.gpus)

    @property
    def variant(self) -> str | None:
        """The build of the torch that is installed, None where there is none or it cannot be told."""
        return self.packages.variant if self.packages else None


def usable_gpus(facts: MachineFacts) -> tuple[Gpu, ...]:
    """Pick the GPUs that some build of torch computes on: not every display controller is one."""
    return tuple(gpu for gpu in facts.gpus if _is_usable(gpu, facts))


def _is_usable(gpu: Gpu, facts: MachineFacts) -> bool:
    if gpu.vendor == "intel":
        try:
            return gpu.pci_id is not None and is_supported_intel(gpu.pci_id, facts.os.system) is not None
        except ValueError:
            return False
    if gpu.vendor == "amd" and gpu.gfx is not None:
        return any(gpu.gfx in known.gfx for known in gfx_lists())
    return True
