"""Where torch and the libraries of CUDA were loaded from."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import sys
import sysconfig
from pathlib import Path
from typing import Sequence

from .sentences import say

CUDA_LIBRARY = re.compile(r"lib(cudart|cublas|cublasLt|cudnn|cusparse|cusolver|cufft|nvJitLink|nccl|nvrtc)\.so[.\d]*$")


def shadowing_libraries(maps: str, own_folders: Sequence[str]) -> dict[str, str]:
    """Find CUDA libraries that were loaded from outside although the environment has its own.

    `maps` is the text of /proc/self/maps. Returns the base name and the path of each.
    """
    loaded = {line.split(None, 5)[5].strip() for line in maps.splitlines() if ".so" in line and "/" in line}
    own = {
        path.name
        for folder in own_folders
        for pattern in ("nvidia/*/lib/*.so*", "torch/lib/*.so*", "nvidia/*/lib/*/*.so*")
        for path in Path(folder).glob(pattern)
    }
    roots = tuple(os.path.realpath(folder) + os.sep for folder in own_folders)
    return {
        Path(path).name: path
        for path in sorted(loaded)
        if CUDA_LIBRARY.search(path) and Path(path).name in own and not os.path.realpath(path).startswith(roots)
    }


def loaded_libraries(maps: str) -> dict[str, str]:
    """Pick the libraries of CUDA and of the driver from the text of /proc/self/maps, from base name to path."""
    paths = {line.split(None, 5)[5].strip() for line in maps.splitlines() if ".so" in line and "/" in line}
    return {
        Path(path).name: path
        for path in sorted(paths)
        if CUDA_LIBRARY.search(path) or Path(path).name.startswith(("libcuda.so", "libamdhip64.so", "libze_loader.so"))
    }


def foreign_origin(torch_file: str) -> str | None:
    """Tell by what torch came from outside the interpreter's own packages; None when it did not."""
    here = os.path.realpath(torch_file)
    roots = {sysconfig.get_path(name) for name in ("purelib", "platlib")} | {sys.prefix, sys.base_prefix}
    user = None
    if importlib.util.find_spec("site"):
        with contextlib.suppress(AttributeError, OSError):
            user = importlib.import_module("site").getusersitepackages()
    if user and here.startswith(os.path.realpath(user) + os.sep):
        return say("the user site folder") if sys.prefix != sys.base_prefix else None
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if entry and here.startswith(os.path.realpath(entry) + os.sep):
            return "PYTHONPATH"
    if any(here.startswith(os.path.realpath(root) + os.sep) for root in roots if root):
        return None
    return say("a path outside the environment")
