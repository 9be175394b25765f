"""The speed of the PCI Express link, as it is negotiated."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

from .bench import MIB, Bench
from .cards import facts_of
from .excerpts import first_line
from .nvml import Nvml
from .result import Result, Skip
from .sampler import Sampler
from .sentences import say
from .speed import Measure, timed

# GB/s of one lane in one direction, after encoding (PCI Express base specification, generations 1 to 6).
LANE = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}
PCIE_SHARE, PCIE_VERY_SLOW, PCIE_IMPOSSIBLE = 0.70, 0.175, 1.05
# GH200, GB200 and GB10 get their data over NVLink-C2C. What NVML tells is another link, or none: generation 1 x1 of a GB10
# (nvtop pull request 499).
AT_NVLINK_C2C = re.compile(r"\bG[BH]\d+\b")


class Link(NamedTuple):
    """A PCI Express link as it was negotiated while data went over it."""

    generation: int
    width: int
    widest: int


def check_pcie(bench: Bench, measure: Measure = timed, link: Link | None = None) -> Result:
    """Copy 256 MiB of pinned memory to the device and back, and compare with the link as it is negotiated."""
    torch = bench.torch
    here = torch.ones(256 * MIB // 4 if bench.kind != "cpu" else 2 * MIB, dtype=torch.float32)
    try:
        here = here.pin_memory()
    except RuntimeError as error:
        if bench.kind != "cpu":  # a CPU build pins nothing
            reason = first_line(str(error))
            raise Skip(say("no memory could be pinned, and other memory is slower: {error}", error=reason)) from error
    there = torch.empty_like(here, device=bench.device)
    size = here.numel() * 4
    with Sampler(bench, 0.02) as sampler:
        up = size / measure(bench, lambda: there.copy_(here, non_blocking=True), 3, 10) / 1e9
        down = size / measure(bench, lambda: here.copy_(there, non_blocking=True), 3, 10) / 1e9
    if link is None and bench.kind == "hip":
        link = link_of_amd()
    generation, width, widest = (sampler.most(name) for name in ("generation", "width", "widest"))
    if link is None and generation and width and not AT_NVLINK_C2C.search(facts_of(bench).name):
        link = Link(generation, width, widest or width)
    return judge_pcie(up, down, link, encrypted=bench.kind == "cuda" and is_encrypted())


def is_encrypted() -> bool:
    """Ask NVML whether confidential computing is on."""
    with contextlib.suppress(OSError):
        return Nvml().is_confidential()
    return False


def link_of_amd(folder: str = "/sys/bus/pci/drivers/amdgpu") -> Link | None:
    """Read the link of the only AMD card from sysfs; None where there are several or it does not tell."""
    cards = [path.parent for path in Path(folder).glob("*/current_link_width")]
    if len(cards) != 1:
        return None
    (card,) = cards
    try:
        speed = float((card / "current_link_speed").read_text(encoding="ascii").split()[0])
        width, widest = (
            int((card / name).read_text(encoding="ascii")) for name in ("current_link_width", "max_link_width")
        )
    except (OSError, ValueError, IndexError):
        return None
    generation = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}.get(speed)
    return Link(generation, width, widest) if generation else None


def judge_pcie(up: float, down: float, link: Link | None, encrypted: bool = False) -> Result:
    """Judge the speed of a link in GB/s; a narrow or slow one is a warning."""
    slower = min(up, down)
    figures = say("{up:.1f} GB/s to the device, {down:.1f} back", up=up, down=down)
    if encrypted:
        # The processor encrypts into a buffer in between, so that the figure is its own and not that of the link.
        text = say(
            "{figures}; confidential computing is on, and no reference is known for links with it", figures=figures
        )
        return Result("skip", slower, "GB/s", None, text)
    theory = LANE.get(link.generation, 0.0) * link.width if link else 0.0
    if not link or not theory:
        text = say("{figures}, and the driver does not tell which link there is", figures=figures)
        return Result("skip", slower, "GB/s", None, text)
    text = say(
        "{figures}; the link is generation {generation} x{width}, {theory:.1f} GB/s in theory",
        figures=figures,
        generation=link.generation,
        width=link.width,
        theory=theory,
    )
    if max(up, down) > PCIE_IMPOSSIBLE * theory:
        return Result("error", None, "GB/s", None, say("{what}: the timing is wrong", what=text), "timing-wrong")
    if not slower >= PCIE_VERY_SLOW * theory:
        return Result("fail", slower, "GB/s", PCIE_VERY_SLOW * theory, text, "pcie-slow")
    if link.width < link.widest:
        text = say("{what}, and both ends could do x{width}", what=text, width=link.widest)
        return Result("warn", slower, "GB/s", PCIE_SHARE * theory, text, "pcie-slow")
    if slower < PCIE_SHARE * theory:
        return Result("warn", slower, "GB/s", PCIE_SHARE * theory, text, "pcie-slow")
    return Result("pass", slower, "GB/s", PCIE_SHARE * theory, text)
