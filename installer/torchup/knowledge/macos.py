"""macOS: which releases run on which macOS, where Intel Macs end, and where MPS begins."""

from __future__ import annotations

import re
from functools import cache

from torchup.knowledge.tables import table

_TAG = re.compile(r"macosx_(\d+)_(\d+)_(x86_64|arm64)")


@cache
def macos_minimum(version: str, python: str | None = None) -> tuple[int, int] | None:
    """Give the oldest macOS, as (major, minor), that a torch release has a wheel for.

    `python` (`cp312`, `cp313t`) asks for the wheel of that interpreter. None for a release or an
    interpreter without a macOS wheel. On Apple silicon where there is a choice.
    """
    for row in table("torch_wheels")["wheels"]:
        if row["version"] == version:
            tags = row["platforms"].get("macos_arm64") or row["platforms"].get("macos_x86_64") or {}
            fitting = [tag for tag, pythons in tags.items() if python is None or python in pythons]
            return min((macos_of_tag(tag) for tag in fitting), default=None)
    return None


def macos_of_tag(tag: str) -> tuple[int, int]:
    """Read the macOS version in a platform tag such as `macosx_11_0_arm64`; raises ValueError for others."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(f"not a macOS platform tag: {tag!r}")
    return int(match.group(1)), int(match.group(2))


def last_on_intel_macs() -> str:
    """Give the last torch version with wheels for Intel Macs."""
    version: str = table("macos")["x86_64_last"]["torch"]
    return version


def mps_from() -> tuple[int, int]:
    """Give the macOS version from which PyTorch's MPS backend is enabled."""
    major, minor = table("macos")["mps"]["enabled_from_macos"]
    return major, minor
