"""Where conda-forge's CUDA packages put what they bring, below the prefix of an environment.

nvcc is in `bin` and knows the rest. Headers and libraries are below `targets/PLATFORM`, and on Windows
below `Library` (conda-forge's cuda-feedstock; `cuda-nvcc` sets no CUDA_HOME).
"""

from __future__ import annotations

from torchup.model.facts import OperatingSystem

_TARGETS = {"x86_64": "x86_64-linux", "aarch64": "sbsa-linux", "arm64": "sbsa-linux"}


def cuda_home_in(prefix: str, system: OperatingSystem) -> str:
    """Give the CUDA_HOME that finds nvcc as `$CUDA_HOME/bin/nvcc`, as PyTorch's extension builder does."""
    return f"{prefix}\\Library" if system.system == "windows" else prefix


def nvcc_below(system: OperatingSystem) -> str:
    """Tell where nvcc is, below a prefix."""
    return "Library\\bin\\nvcc.exe" if system.system == "windows" else "bin/nvcc"


def include_dir(cuda_home: str, system: OperatingSystem) -> str:
    """Tell where CUDA's headers are, which is not `$CUDA_HOME/include` on Linux."""
    return f"{cuda_home}\\include" if system.system == "windows" else f"{_target(cuda_home, system)}/include"


def library_dir(cuda_home: str, system: OperatingSystem) -> str:
    """Tell where CUDA's libraries are; the prefix's own `lib` holds everything else of the environment too."""
    return f"{cuda_home}\\lib" if system.system == "windows" else f"{_target(cuda_home, system)}/lib"


def _target(cuda_home: str, system: OperatingSystem) -> str:
    return f"{cuda_home}/targets/{_TARGETS.get(system.arch, f'{system.arch}-linux')}"
