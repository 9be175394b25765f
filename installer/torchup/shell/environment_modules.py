"""Environment Modules and Lmod: whether they set CUDA up here, so that a block of ours would contradict them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LOADS = re.compile(
    rb"(?:module\s+(?:load|add|swap|switch)|ml(?:\s+(?:load|add|swap|switch))?)\s+[^#]*?"
    rb"\b((?:cuda|cudatoolkit|cuda-toolkit|nvhpc|cudnn)(?:[/@][\w.+-]*)?)",
    re.IGNORECASE,
)
_LOADED = re.compile(r"(?i)^(?:.*/)?(?:cuda|cudatoolkit|cuda-toolkit|nvhpc)(?:[/@].*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleUse:
    """A module that sets CUDA up; `where` is `file:line`, or the variable that names the loaded modules."""

    module: str
    where: str


def find_module_use(contents: Mapping[str, bytes], environ: Mapping[str, str]) -> ModuleUse | None:
    """Find what loads a CUDA module: a line of a start-up file, else a module that is loaded now."""
    for path, content in contents.items():
        for number, raw in enumerate(content.split(b"\n"), start=1):
            line = raw.strip()
            if not line.startswith(b"#") and (match := _LOADS.search(line)) is not None:
                return ModuleUse(module=match[1].decode("utf-8", "backslashreplace"), where=f"{path}:{number}")
    for module in environ.get("LOADEDMODULES", "").split(":"):
        if _LOADED.match(module):
            return ModuleUse(module=module, where="LOADEDMODULES")
    return None
