"""Build variants of PyTorch, understood by their names alone so that new ones need no table."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from torchup.model.quick import dataclass

VariantKind = Literal["cpu", "cuda", "rocm", "xpu", "mps"]

_CUDA = re.compile(r"cu(\d{2,})", re.ASCII)
_ROCM = re.compile(r"rocm(\d+(?:\.\d+)*)", re.ASCII)
_PLAIN: dict[str, VariantKind] = {"cpu": "cpu", "xpu": "xpu", "mps": "mps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A build variant: `cu126` has kind `cuda` and version (12, 6), `cpu` has no version."""

    name: str
    kind: VariantKind
    version: tuple[int, ...] = ()

    @property
    def cuda(self) -> tuple[int, int] | None:
        """The CUDA version as (major, minor), None for anything but CUDA."""
        return (self.version[0], self.version[1]) if self.kind == "cuda" else None

    @property
    def number(self) -> str:
        """The version as people write it, `12.6` or `6.2.4`; empty where there is none."""
        return ".".join(map(str, self.version))


@cache
def parse_variant(name: str) -> Variant:
    """Read a variant's name; the last digit of a CUDA name is its minor, so `cu134` is CUDA 13.4.

    Raises ValueError for a name of no known form.
    """
    if kind := _PLAIN.get(name):
        return Variant(name=name, kind=kind)
    if cuda := _CUDA.fullmatch(name):
        digits = cuda.group(1)
        return Variant(name=name, kind="cuda", version=(int(digits[:-1]), int(digits[-1])))
    if rocm := _ROCM.fullmatch(name):
        return Variant(name=name, kind="rocm", version=tuple(map(int, rocm.group(1).split("."))))
    raise ValueError(f"not a PyTorch build variant such as cu130, rocm7.2, xpu or cpu: {name!r}")
