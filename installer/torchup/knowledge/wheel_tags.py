"""Which interpreters and systems the wheels of each torch release fit, by their tags."""

from __future__ import annotations

from functools import cache
from typing import Any

from torchup.knowledge.platforms import Platform
from torchup.knowledge.tables import table
from torchup.model.quick import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelTag:
    """Where one wheel of a release fits: `cp313t` on `manylinux_2_28_x86_64`."""

    python: str
    platform: str

    @property
    def tags(self) -> tuple[str, str, str]:
        """The interpreter, ABI and platform tags of the file name."""
        return self.python.removesuffix("t"), self.python, self.platform

    @property
    def python_version(self) -> str:
        """The interpreter as people write it: `3.13t` for `cp313t`."""
        digits = self.python.removeprefix("cp")
        return f"{digits[0]}.{digits[1:]}"


@cache
def tags_of(version: str, platform: Platform) -> tuple[WheelTag, ...]:
    """Give the tags of a release's wheels on a platform, oldest Python first; every variant has the same.

    They are those of the release's files, and those that only PyTorch's own index adds. Empty for a
    release that the tables do not have, and for a platform without wheels.
    """
    if platform == "windows_arm64":
        rows = _rows("windows_arm64", version)
        return tuple(WheelTag(python=python, platform=row["tag"]) for row in rows for python in row["pythons"])
    by_tag: dict[str, list[str]] = next((row["platforms"].get(platform, {}) for row in _rows("wheels", version)), {})
    found = [WheelTag(python=python, platform=tag) for tag, pythons in by_tag.items() for python in pythons]
    newest = max(by_tag, key=lambda tag: len(by_tag[tag]), default="")
    found += [
        WheelTag(python=python, platform=newest)
        for row in _rows("index_only", version)
        if platform in row["platforms"]
        for python in row["pythons"]
    ]
    return tuple(sorted(found, key=lambda tag: _place(tag.python)))


def pythons_of(version: str, platform: Platform) -> tuple[str, ...]:
    """List the interpreters that a release has wheels for on a platform: `3.12`, and `3.13t` for free-threaded."""
    return tuple(dict.fromkeys(tag.python_version for tag in tags_of(version, platform)))


@cache
def index_only_pythons(version: str, platform: Platform) -> frozenset[str]:
    """Give the ABI tags (`cp315t`) of a release's wheels that only PyTorch's own index has."""
    rows = [row for row in _rows("index_only", version) if platform in row["platforms"]]
    return frozenset(python for row in rows for python in row["pythons"])


def _rows(part: str, version: str) -> list[dict[str, Any]]:
    return [row for row in table("torch_wheels")[part] if row["version"] == version]


def _place(python: str) -> tuple[int, str]:
    digits = python.removeprefix("cp").removesuffix("t")
    return int(digits[1:]), python
