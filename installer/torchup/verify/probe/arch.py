"""Whether a build has kernels for a GPU."""

from __future__ import annotations

import re
from typing import Sequence

from .bench import Bench, index_of
from .devices import describe_cuda
from .excerpts import first_line
from .result import Result
from .sentences import say

NO_KERNEL = "no kernel image is available"

ARCH = re.compile(r"(?:sm|compute)_(\d+)([af]?)")

# Integrated GPUs whose kernels are their own: torch/cuda/__init__.py, DEVICE_REQUIREMENT (torch 2.13).
ALONE = (53, 62, 72, 87, 101, 110)
LEFT_OUT = {50: (53,), 52: (53,), 60: (62,), 61: (62,), 70: (72,), 80: (87,), 86: (87,), 100: (101,)}
ALSO = {101: (110,), 110: (101,)}
# From this CUDA on, kernels for desktops and servers run on a Jetson Orin too (there, torch 2.14:
# DEVICE_REQUIREMENT_POST_JETSON_SBSA_UNIFICATION).
UNIFIED_FROM, UNIFIED = (13, 2), (70, 80, 86)


def serves(built: str, capability: tuple[int, int], cuda: tuple[int, ...] = (0, 0)) -> bool:
    """Tell whether machine code built for `sm_NN` by this CUDA runs on a GPU of this compute capability.

    Same major and built minor not above the device's, but for integrated GPUs; `sm_NNa` runs on
    exactly that capability, `sm_NNf` on its family (CUDA programming guide).
    """
    match = ARCH.fullmatch(built)
    if match is None or not built.startswith("sm_"):
        return False
    number, suffix = int(match.group(1)), match.group(2)
    sm = capability[0] * 10 + capability[1]
    if sm in ALSO.get(number, ()):
        return True
    if suffix == "a" or number in ALONE:
        return sm == number
    left_out = () if number in UNIFIED and cuda >= UNIFIED_FROM else LEFT_OUT.get(number, ())
    return number // 10 == capability[0] and number <= sm and sm not in left_out


def cause_of_missing_kernel(capability: tuple[int, int], arch_list: Sequence[str]) -> str:
    """Tell whether a GPU is too new or too old for the kernels of a build."""
    numbers = [int(match.group(1)) for match in map(ARCH.fullmatch, arch_list) if match]
    newest = max(numbers, default=0)
    sm = capability[0] * 10 + capability[1]
    return "no-kernel-image-new-gpu" if sm > newest else "no-kernel-image-old-gpu"


def check_arch(bench: Bench) -> Result:
    """Compare the GPU with the kernels inside the build, and run the smallest kernel when in doubt."""
    torch = bench.torch
    arch_list = [str(arch) for arch in torch.cuda.get_arch_list()]
    index = index_of(bench.device)
    if bench.kind == "hip":
        gfx = describe_cuda(torch, index, "hip")["gfx"]
        if gfx in arch_list:
            return Result("pass", gfx, detail=say("kernels for {gfx} are in the build", gfx=gfx))
        label, cause = gfx, "rocm-unsupported-gfx"
    else:
        capability = tuple(torch.cuda.get_device_capability(index))
        label = ".".join(map(str, capability))
        cuda = tuple(map(int, re.findall(r"\d+", str(torch.version.cuda))[:2]))
        native = [arch for arch in arch_list if serves(arch, capability, cuda)]
        if native:
            text = say("compute capability {capability} is served by {arch}", capability=label, arch=native[-1])
            return Result("pass", label, detail=text)
        cause = cause_of_missing_kernel(capability, arch_list)
        sm = capability[0] * 10 + capability[1]
        ptx = [
            arch
            for arch in arch_list
            if arch.startswith("compute_") and int(ARCH.fullmatch(arch).group(1)) <= sm  # type: ignore[union-attr]  # the list comes from torch itself
        ]
        if ptx:
            text = say(
                "no machine code for compute capability {capability}, but {arch} can be compiled by the driver: "
                "the first use is slow",
                capability=label,
                arch=ptx[-1],
            )
            return Result("warn", label, detail=text, hint=cause)
    built = " ".join(arch_list) or say("none")
    text = say("no kernels for {device}: the build has {built}", device=label, built=built)
    try:
        answer = float((torch.ones(8, device=bench.device) + 1).sum().to("cpu"))
    except Exception as error:  # noqa: BLE001 - that it fails is what was expected
        text = say("{what}; a first kernel says: {error}", what=text, error=first_line(str(error)))
        return Result("fail", label, detail=text, hint=cause)
    if answer == 16:  # noqa: PLR2004 - eight times 1 + 1
        return Result("warn", label, detail=say("{what}, yet a first kernel ran", what=text), hint=cause)
    text = say("{what}; a first kernel gave {answer} in place of 16", what=text, answer=answer)
    return Result("fail", label, detail=text, hint=cause)
