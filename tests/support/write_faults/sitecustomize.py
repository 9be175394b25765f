"""Count what the torchup command asks the operating system to write, and stop it at one of these calls.

Python imports a module of this name at start-up when its folder is on PYTHONPATH. WRITE_FAULT is
`count:FILE` (the names of all calls go there), `kill:N` (the process dies before call N), `stop:N` (it stops
there until it gets SIGCONT) or `ENOSPC:N`.
"""

from __future__ import annotations

import atexit
import errno
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

SEAM = "torchup.apply.os_calls"


def replace_calls(module: Any) -> None:
    from support.faulty_calls import CountedCalls, StoppedCalls

    calls: Any
    what, _, where = os.environ["WRITE_FAULT"].partition(":")
    if what == "count":
        calls = CountedCalls()
        atexit.register(lambda: Path(where).write_text("\n".join(calls.seen)))
    elif what == "stop":
        calls = StoppedCalls(at=int(where))
    else:
        calls = CountedCalls(at=int(where), error=None if what == "kill" else getattr(errno, what))
    module.REAL_CALLS = calls


class Saboteur(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != SEAM:
            return None
        sys.meta_path.remove(self)
        spec: importlib.machinery.ModuleSpec | None = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            replace_calls(module)

        loader.exec_module = exec_module
        return spec


if "WRITE_FAULT" in os.environ:
    sys.meta_path.insert(0, Saboteur())
