"""Which host compilers nvcc accepts, per CUDA release."""

from __future__ import annotations

from functools import cache
from typing import Literal

from torchup.knowledge.tables import table
from torchup.model.quick import dataclass

CompilerKind = Literal["gcc", "clang"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompilerLimits:
    """The oldest and the newest major version that a CUDA release accepts, both allowed."""

    oldest: int
    newest: int
    source: tuple[str, ...]


@cache
def compiler_limits(cuda: tuple[int, int], kind: CompilerKind) -> CompilerLimits | None:
    """Look up the limits of a CUDA release; None for releases older or newer than those that were read."""
    loaded = table("host_compilers")
    if cuda > _release(loaded["newest_read"]):
        return None
    rows = [row for row in loaded["limits"] if _release(row["cuda"]) <= cuda]
    row = max(rows, key=lambda found: _release(found["cuda"]), default=None)
    if row is None or kind not in row:
        return None
    oldest, newest = row[kind]
    return CompilerLimits(oldest=oldest, newest=newest, source=tuple(row["source"]))


def _release(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
