"""What looking at a machine costs: a working NVML, reached through the real pynvml, against the bare interpreter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Protocol

from support.fake_nvml.builder import StubGpu, build_stub, stub_environment

AIM_MS = 150.0
TORCHUP = str(Path(sys.executable).with_name("torchup"))


class Measured(Protocol):
    """What one finished command cost, in seconds."""

    @property
    def wall(self) -> float: ...

    @property
    def cpu(self) -> float: ...


_CARDS = (
    StubGpu(name="NVIDIA H100 80GB HBM3", pci_id="10de:2330", bus_id="00000000:18:00.0", capability="9.0", mig=False),
    StubGpu(
        name="NVIDIA GeForce RTX 4090",
        pci_id="10de:2684",
        bus_id="00000000:3B:00.0",
        capability="8.9",
        uuid="GPU-00000000-0000-0000-0000-000000000001",
    ),
)


def bench_detect(rounds: int, run: Callable[[Sequence[str], dict[str, str]], Measured]) -> tuple[str, str, str, str]:
    """Give name, figure, aim and detail: CPU time of `torchup detect --json` beyond that of the bare interpreter.

    `run` runs a command in an environment and measures it with its children. Both run alternately, after one round
    that only warms the caches.
    """
    commands = ((TORCHUP, "detect", "--json"), (sys.executable, "-I", "-c", "pass"))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        environ = {**os.environ, "HOME": str(home), **stub_environment(build_stub(Path(folder, "nvml")), *_CARDS)}
        pairs = [[run(command, environ) for command in commands] for _ in range(rounds + 1)][1:]
    ours, bare = (median(pair[which].cpu for pair in pairs) * 1000 for which in (0, 1))
    wall = median(pair[0].wall for pair in pairs) * 1000
    detail = f"{ours:.0f} ms of CPU against {bare:.0f} ms; {wall:.0f} ms of wall"
    return "detect with NVML, CPU beyond bare python", f"{ours - bare:.0f} ms", f"<= {AIM_MS:.0f} ms", detail
