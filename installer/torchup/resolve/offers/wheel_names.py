"""Wheel file names, split, and the platforms they serve.

`packaging` has a parser for these names; this one is made for pages with a thousand of them, of which a
few are kept, and gives None where that one raises.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from torchup.knowledge.platforms import PLATFORMS, Platform

_VERSION = re.compile(
    r"((?:\d+!)?\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?)(?:\+([a-z0-9]+(?:[._][a-z0-9]+)*))?",
    re.ASCII | re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?", re.ASCII)
_WITHOUT_BUILD, _WITH_BUILD = 5, 6
_ENDINGS: tuple[tuple[str, str, tuple[Platform, ...]], ...] = (
    ("manylinux", "_x86_64", ("linux_x86_64",)),
    ("manylinux", "_aarch64", ("linux_aarch64",)),
    ("linux", "_x86_64", ("linux_x86_64",)),
    ("linux", "_aarch64", ("linux_aarch64",)),
    ("musllinux", "_x86_64", ("linux_x86_64",)),
    ("musllinux", "_aarch64", ("linux_aarch64",)),
    ("win", "_amd64", ("windows_amd64",)),
    ("win", "_arm64", ("windows_arm64",)),
    ("macosx", "_x86_64", ("macos_x86_64",)),
    ("macosx", "_arm64", ("macos_arm64",)),
    ("macosx", "_universal2", ("macos_x86_64", "macos_arm64")),
)


class WheelName(NamedTuple):
    """The parts of a wheel's name; `project` is normalized, `tags` are compressed as written."""

    project: str
    version: str
    local: str | None
    tags: tuple[str, str, str]


@lru_cache(maxsize=8192)
def split_wheel_name(filename: str) -> WheelName | None:
    """Split `torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl`; None when it is no valid wheel name."""
    if not filename.endswith(".whl"):
        return None
    parts = filename[: -len(".whl")].split("-")
    if len(parts) == _WITH_BUILD and not parts[2][:1].isdigit():
        return None
    if len(parts) not in (_WITHOUT_BUILD, _WITH_BUILD) or not all(parts):
        return None
    version = _VERSION.fullmatch(parts[1])
    if version is None or _NAME.fullmatch(parts[0]) is None:
        return None
    local = version.group(2)
    python, abi, platform = parts[-3:]
    return WheelName(
        project=normalized(parts[0]),
        version=version.group(1).lower(),
        local=local.lower().replace("_", ".") if local else None,
        tags=(python, abi, platform),
    )


def normalized(project: str) -> str:
    """Normalize a project's name as indexes do: `Torch_Vision` is `torch-vision`."""
    return re.sub(r"[-_.]+", "-", project).lower()


@cache
def platforms_of(platform_tags: str) -> frozenset[Platform]:
    """Name the platforms that a compressed platform tag serves, whatever their libc or system version."""
    served: set[Platform] = set()
    for tag in platform_tags.split("."):
        if tag == "any":
            return frozenset(PLATFORMS)
        for start, end, platforms in _ENDINGS:
            if tag.startswith(start) and tag.endswith(end):
                served.update(platforms)
    return frozenset(served)
