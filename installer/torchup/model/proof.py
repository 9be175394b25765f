"""What new shells are to know, and where it was put: what a plan promises, and the real shells are asked about."""

from __future__ import annotations

from typing import Literal

from torchup.model.quick import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupProof:
    """A start-up file that was written, and the ways of starting its shell that read it."""

    shell: str
    language: str
    path: str
    modes: tuple[Literal["login", "interactive", "script", "ssh"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaProof:
    """What is to hold while the conda environment at `prefix` is active, and no longer afterwards."""

    prefix: str
    cuda_home: str | None
    library_dirs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellProof:
    """What new shells are to know; it is proved by starting them."""

    files: tuple[StartupProof, ...]
    cuda_home: str | None
    bin_dirs: tuple[str, ...]
    library_dirs: tuple[str, ...]
    environment: str | None
    conda: CondaProof | None = None
