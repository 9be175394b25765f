"""What is published and what was measured for each card, and a formula for the others."""

from __future__ import annotations

import contextlib
import math
import re
from typing import NamedTuple

from .bench import Bench, index_of
from .nvml import UINT, Nvml
from .sentences import mark


class Card(NamedTuple):
    """What is published and what was measured for one card.

    `half` is the dense fp16 or bf16 peak with fp32 accumulation in TFLOPS, `single` that of fp32 without
    tensor cores, `memory` the bandwidth in GB/s. `share` is the part of `half` that a plain torch matmul
    reached, `copied` the bandwidth in GB/s that was measured; None where nobody has said.
    """

    pattern: str
    half: float | None
    single: float | None
    memory: float | None
    share: float
    copied: float | None = None


# Dense peaks: vendors' data sheets. Shares: public torch matmul measurements (zzc0721/
# torch-performance-test-data, stas00/ml-engineering). Copied: NVIDIA/DCGM nvvs/diag-skus.yaml.in, whose
# limits are 0.75 of what was measured. The order matters: the first pattern that is found counts.
CARDS = (
    Card(r"GTX 1080 Ti", None, 11.3, 484, 0.89),
    Card(r"RTX 2080 Ti", 53.8, 13.4, 616, 1.0),
    Card(r"RTX 3060(?! Ti)", 25.5, 12.7, 360, 0.95),
    Card(r"RTX 3080(?! Ti)", 59.5, 29.8, 760, 1.0),
    Card(r"RTX 3090(?! Ti)", 71.2, 35.6, 936, 1.0),
    Card(r"RTX 4070(?! Ti| SUPER)", 58.3, 29.0, 504, 0.95),
    Card(r"RTX 4080(?! SUPER)", 97.5, 48.7, 717, 0.95),
    Card(r"RTX 4090(?! D)", 165.2, 82.6, 1008, 0.97),
    Card(r"RTX 5070(?! Ti)", 61.7, 30.9, 672, 0.95),
    Card(r"RTX 5080", 112.6, 56.3, 960, 0.91),
    Card(r"RTX 5090(?! D)", 209.5, 104.8, 1792, 1.0),
    Card(r"\bT4\b", 65.1, 8.1, 320, 0.64, 244),
    Card(r"V100S", 130.0, 16.4, 1134, 0.76, 900),
    Card(r"V100-SXM", 125.3, 15.7, 900, 0.76, 809),
    Card(r"V100-PCIE", 112.0, 14.0, 900, 0.76, 809),
    Card(r"\bA10G\b", 125.0, 31.2, 600, 0.5, 484),
    Card(r"\bA10\b", 125.0, 31.2, 600, 0.55),
    Card(r"A100.*PCIE-40|A100-PCIE", 312.0, 19.5, 1555, 0.75, 1293),
    Card(r"A100 80GB PCIe", 312.0, 19.5, 1935, 0.76, 1495),
    Card(r"A100-SXM\d?-80GB", 312.0, 19.5, 2039, 0.84, 1564),
    Card(r"A100-SXM", 312.0, 19.5, 1555, 0.79, 1293),
    Card(r"\bL40S\b", 366.0, 91.6, 864, 0.73, 700),
    Card(r"\bL4\b", 121.0, 30.3, 300, 0.57, 265),
    Card(r"RTX 6000 Ada", 364.0, 91.1, 960, 0.75),
    Card(r"\bH20\b", 148.0, 44.0, 4000, 0.75),
    Card(r"H100 PCIe", 756.0, 51.0, 2000, 0.63, 1660),
    Card(r"H100 NVL", 835.0, None, None, 0.55, 2724),
    Card(r"H200 NVL", None, None, None, 0.55),
    Card(r"H100", 989.0, 67.0, 3350, 0.79, 2540),
    Card(r"\bH200\b", 989.0, 67.0, 4800, 0.78, 2949),
    Card(r"\bB200\b", 2250.0, 80.0, 8000, 0.74, 5430),
    Card(r"RTX PRO 6000 Blackwell Workstation", 504.0, 125.0, 1792, 0.75),
)

# Dense fp16 operations per clock and SM with fp32 accumulation, by compute capability: GeForce, others.
TENSOR_RATE = {
    (7, 0): (1024, 1024),
    (7, 5): (512, 1024),
    (8, 0): (2048, 2048),
    (8, 6): (512, 1024),
    (8, 9): (512, 1024),
    (9, 0): (4096, 4096),
    (12, 0): (512, 1024),
}
CORES = {(6, 0): 64, (6, 1): 128, (7, 0): 64, (7, 5): 64, (8, 0): 64, (8, 6): 128, (8, 9): 128, (9, 0): 128, (10, 0): 128, (12, 0): 128}  # fmt: skip
TABLE, FORMULA = mark("table"), mark("formula")
SINGLE_SHARE, MEMORY_SHARE = 0.65, 0.75
IMPOSSIBLE = 1.15
# GeForce cards boost far above the clock that their peak is published for: 1.21 was measured.
IMPOSSIBLE_GEFORCE = 1.4

# A part of a card that a hypervisor lends, such as "NVIDIA A10-4Q" or "GRID T4-16C": how large it is is not told.
VIRTUAL = re.compile(r"-\d+[ABCQ]\b")
LAPTOP = re.compile(r"Laptop|Max-Q|Mobile|\bMX\d")
# Turing chips whose tensor cores were left out, TU116 and TU117. cuBLAS does fp16 at 0.5 TFLOPS there (pytorch issue
# 121957), so that fp32 is the fastest.
NO_TENSOR_CORES = re.compile(r"GTX 16\d\d|\bMX[45]50\b|\bT(400|500|550|600|1000|1200|2000)\b")


class Facts(NamedTuple):
    """What the formula needs: clocks in GHz, the memory bus in bits; None where the driver does not tell."""

    name: str
    capability: tuple[int, int] = (0, 0)
    units: int = 0
    clock: float | None = None
    memory_clock: float | None = None
    bus: int | None = None
    mig: bool = False


class Reference(NamedTuple):
    """What to expect of a card, the peak it cannot pass, and where the numbers come from."""

    expected: float
    peak: float
    source: str


def default_share(name: str) -> float:
    """Give the part of the peak that cards of one class reach: power-capped ones least."""
    if LAPTOP.search(name):  # the highest clock that NVML gives is far above what the power of a laptop allows
        return 0.5
    if "GeForce" in name:
        return 0.95
    if re.search(r"RTX|Quadro|TITAN|SXM|HBM|H100|H200|B200|B300", name) and not re.search(r"PCIe|NVL|PCIE", name):
        return 0.75
    return 0.55


def card_of(name: str) -> Card | None:
    """Find a card in the table; those of laptops share a name with faster ones, so they are never in it."""
    if LAPTOP.search(name) or re.search(r"\bMIG\b", name):
        return None
    return next((card for card in CARDS if re.search(card.pattern, name)), None)


def reference_of(facts: Facts, what: str) -> Reference | None:
    """Give the reference for `half` or `single` in TFLOPS or `memory` in GB/s; None where none is known.

    The table goes first; else the formula: units times operations per clock times the highest clock,
    and for the memory twice its clock times the width of its bus.
    """
    if facts.mig or VIRTUAL.search(facts.name):
        return None
    card = card_of(facts.name)
    geforce = "GeForce" in facts.name
    share = {"half": card.share if card else default_share(facts.name), "single": SINGLE_SHARE, "memory": MEMORY_SHARE}[
        what
    ]
    ceiling = IMPOSSIBLE_GEFORCE if geforce else IMPOSSIBLE
    published = getattr(card, what) if card else None
    if published:
        expected = (card.copied if card and what == "memory" and card.copied else None) or published * share
        return Reference(expected, published * ceiling, TABLE)
    if what == "memory":
        if card and card.copied:
            return Reference(card.copied, math.inf, TABLE)
        if not (facts.memory_clock and facts.bus):
            return None
        peak = 2 * facts.memory_clock * facts.bus / 8
    else:
        rate = (
            TENSOR_RATE.get(facts.capability, (0, 0))[not geforce]
            if what == "half"
            else 2 * CORES.get(facts.capability, 0)
        )
        if not (rate and facts.units and facts.clock):
            return None
        peak = facts.units * rate * facts.clock / 1000
    return Reference(peak * share, peak * ceiling, FORMULA)


def facts_of(bench: Bench) -> Facts:
    """Read what the reference needs to know about a GPU."""
    name = (
        str(bench.api.get_device_name(index_of(bench.device))) if hasattr(bench.api, "get_device_name") else bench.kind
    )
    if bench.kind != "cuda":
        return Facts(name)
    units = int(bench.torch.cuda.get_device_properties(index_of(bench.device)).multi_processor_count)
    facts = Facts(name, bench.capability(), units, mig="MIG" in name)
    with contextlib.suppress(OSError):
        nvml = Nvml()
        handle = nvml.handle(index_of(bench.device))
        clock, memory = (nvml.one("nvmlDeviceGetMaxClockInfo", handle, kind) for kind in (1, 2))
        mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
        facts = facts._replace(
            clock=clock / 1000 if clock else None,
            memory_clock=memory / 1000 if memory else None,
            bus=nvml.one("nvmlDeviceGetMemoryBusWidth", handle),
            mig=bool(mode and mode[0]),
        )
    return facts
