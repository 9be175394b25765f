"""Break one part of a real torch right after it was imported, as the variable SABOTAGE says, or give it GPUs that are none.

Python imports a module of this name at start-up when its folder is on PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any


def die(name: str) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: os.kill(os.getpid(), getattr(signal, name))


def hang(*_args: Any, **_kwargs: Any) -> None:
    time.sleep(600)


def no_numbers(torch: Any) -> Callable[..., Any]:
    right = torch.matmul
    return lambda left, right_side: right(left, right_side) * float("nan")


def no_memory(torch: Any) -> Callable[..., Any]:
    def matmul(*_args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return matmul


def lost_device(*_args: Any, **_kwargs: Any) -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def sabotage(torch: Any) -> None:
    what = os.environ.get("SABOTAGE", "")
    breaks: dict[str, Callable[[], Any]] = {
        "segfault": lambda: setattr(torch, "matmul", die("SIGSEGV")),
        "killed": lambda: setattr(torch, "matmul", die("SIGKILL")),
        "hang": lambda: setattr(torch, "matmul", hang),
        "nan": lambda: setattr(torch, "matmul", no_numbers(torch)),
        "memory": lambda: setattr(torch, "matmul", no_memory(torch)),
        "lost": lambda: setattr(torch, "matmul", lost_device),
        "crash-once": lambda: setattr(torch, "argsort", die("SIGBUS")),
    }
    if what:
        breaks[what]()
    if "STAND_IN_GPUS" in os.environ:
        importlib.import_module("stand_in_gpu").install(torch)


class Saboteur(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec: importlib.machinery.ModuleSpec | None = importlib.util.find_spec("torch")
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            sabotage(module)

        loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Saboteur())
if "STAND_IN_GPUS" in os.environ:
    importlib.import_module("stand_in_gpu").stand_in_libraries()
