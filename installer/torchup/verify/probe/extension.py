"""A CUDA extension, compiled with this machine's toolkit."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from typing import Any, Callable, Sequence

from .bench import Bench
from .caches import fresh_caches, variables
from .exact import first_difference
from .excerpts import short
from .result import Result
from .sentences import say
from .symptoms import cause_of

# From torch.utils.cpp_extension (CUDA_GCC_VERSIONS, 2.13): the first gcc major that this CUDA refuses.
GCC_TOO_NEW = {
    "11.4": 12, "11.5": 12, "11.6": 12, "11.7": 12, "11.8": 12, "12.0": 13, "12.1": 13, "12.2": 13, "12.3": 14,
    "12.4": 14, "12.5": 14, "12.6": 14, "12.7": 14, "12.8": 15, "12.9": 15, "13.0": 16,
}  # fmt: skip

EXTENSION_CPP = "torch::Tensor probe_add(torch::Tensor left, torch::Tensor right);"
EXTENSION_CUDA = """
#include <c10/cuda/CUDAStream.h>
__global__ void add_kernel(const float* left, const float* right, float* out, long count) {
    long at = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (at < count) out[at] = left[at] + right[at];
}
torch::Tensor probe_add(torch::Tensor left, torch::Tensor right) {
    auto out = torch::empty_like(left);
    long count = left.numel();
    add_kernel<<<(count + 255) / 256, 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        left.data_ptr<float>(), right.data_ptr<float>(), out.data_ptr<float>(), count);
    return out;
}
"""


def nvcc_path() -> str | None:
    """Find nvcc where torch looks for it: CUDA_HOME, CUDA_PATH, then PATH."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        home = os.environ.get(name)
        if home:
            return shutil.which("nvcc", path=os.path.join(home, "bin"))  # noqa: PTH118 - a string is wanted
    return shutil.which("nvcc")


def hindrance_of_extension() -> str:
    """Tell why no extension can be compiled here; empty when one can."""
    if not (os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or shutil.which("nvcc")):
        return say("no CUDA toolkit is set up: CUDA_HOME is not set and nvcc is not on PATH")
    if not shutil.which("ninja", path=path_with_scripts()):
        return say("ninja, which torch compiles extensions with, is not installed")
    return ""


def path_with_scripts() -> str:
    """Give PATH with the folder where pip puts programs, which is not on it while the environment is not activated."""
    # torch runs ninja from PATH only (torch/utils/cpp_extension.py, is_ninja_available).
    return os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])


def first_version(command: Sequence[str], pattern: str) -> str | None:
    """Run a program and pick its version from what it says; None when it cannot be run."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, done.stdout)
    return match.group(1) if match else None


def judge_toolchain(nvcc: str | None, built_for: str, gcc: str | None) -> Result | None:
    """Compare the versions of nvcc, of torch's CUDA and of the host's gcc; None when they fit together."""
    if nvcc is None:
        text = say("CUDA_HOME is set, but there is no nvcc that runs below it")
        return Result("fail", detail=text, hint="nvcc-cuda-mismatch")
    if nvcc.partition(".")[0] != built_for.partition(".")[0]:
        text = say(
            "nvcc is of CUDA {nvcc}, this torch is built for CUDA {built}: it compiles no extension",
            nvcc=nvcc,
            built=built_for,
        )
        return Result("fail", nvcc, detail=text, hint="nvcc-cuda-mismatch")
    refused = GCC_TOO_NEW.get(nvcc)
    if gcc and refused and int(gcc.partition(".")[0]) >= refused:
        text = say(
            "the host compiler is gcc {gcc}; nvcc {nvcc} takes gcc below {refused}", gcc=gcc, nvcc=nvcc, refused=refused
        )
        return Result("fail", gcc, detail=text, hint="gcc-too-new-for-nvcc")
    return None


def check_extension(bench: Bench, build: Callable[[str], Any] | None = None) -> Result:
    """Compile a CUDA kernel with the toolkit of this machine, load it and add with it."""
    torch = bench.torch
    nvcc = nvcc_path()
    version = first_version([nvcc, "--version"], r"release (\d+\.\d+)") if nvcc else None
    gcc = None
    if sys.platform == "linux":
        gcc = first_version([os.environ.get("CXX", "g++"), "-dumpfullversion"], r"^(\d+[.\d]*)")
    unfit = judge_toolchain(version, str(torch.version.cuda), gcc)
    if unfit:
        return unfit

    def compiled(folder: str) -> Any:
        load_inline = importlib.import_module("torch.utils.cpp_extension").load_inline
        module = load_inline(
            f"tensor_probe_add_{os.getpid()}",
            cpp_sources=EXTENSION_CPP,
            cuda_sources=EXTENSION_CUDA,
            functions=["probe_add"],
            build_directory=folder,
        )
        return module.probe_add

    wanted = {"TORCH_CUDA_ARCH_LIST": ".".join(map(str, bench.capability())), "PATH": path_with_scripts()}
    with fresh_caches(), variables(wanted):
        try:
            add = (build or compiled)(os.environ["TORCH_EXTENSIONS_DIR"])
        except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the finding
            text = f"{type(error).__name__}: {error}"
            detail = say("no extension: {error}", error=short(text))
            return Result("fail", detail=detail, hint=cause_of(text) or "extension-failed")
        left, right = (bench.whole(-999, 999, (100003,), seed=seed) for seed in (114, 116))
        got = bench.back(add(bench.put(left.float()), bench.put(right.float())))
    difference = first_difference(torch, got, left + right)
    if difference:
        text = say("the compiled kernel adds wrong: {problem}", problem=difference)
        return Result("fail", detail=text, hint="wrong-results")
    detail = say(
        "nvcc {nvcc} and gcc {gcc} compiled a kernel, and it adds", nvcc=str(version), gcc=gcc or say("unknown")
    )
    if version != torch.version.cuda:
        detail = say("{what}; torch is built for CUDA {version}", what=detail, version=str(torch.version.cuda))
    return Result("pass", version, detail=detail)
