"""What a step brought that was cut off, and of which no record tells.

Such a step's files are known by two signs. They changed while it worked, at a place where installers write: that counts
where the end of the work is known, which it is not when torchup was killed together with its child. Or the cache of the
installer holds the same bytes at the same place, whole or as far as they came: so nothing is lost that is nowhere else.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from torchup.apply.change import Span
from torchup.apply.distributions import installed_requirements
from torchup.apply.package_records import SITE

_SKELETON = re.compile(
    r"pyvenv\.cfg|\.gitignore|\.lock|CACHEDIR\.TAG|conda-meta(/history)?|include(/python[\d.]*t?)?|lib|lib64|Lib|bin|Scripts"
    r"|(bin|Scripts)/([aA]ctivate[\w.]*|deactivate[\w.]*|pydoc\.bat|pythonw?[\d.]*t?(\.exe)?)"
    r"|lib/python[\d.]*t?|(lib/python[\d.]*t?|Lib)/site-packages(/_virtualenv\.(py|pth))?"
)
"""What `uv venv` and `python -m venv` make before any package is there."""

_PLACEHOLDER = b"placehold"
"""What conda's packages hold where an environment gets its own path."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """How to know what a step brought that was cut off: when it worked, and the folders of unpacked packages.

    `creation` says that making the environment was cut off, so that nobody knows what that brought.
    """

    creation: bool = False
    spans: tuple[Span, ...] = ()
    wheels: tuple[Path, ...] = ()
    conda: tuple[Path, ...] = ()
    _tops: dict[str, dict[str, list[Path]]] = field(default_factory=dict, repr=False)

    def brought(self, environment: Path, path: str, found: os.stat_result) -> bool:
        """Tell whether a file or folder below the environment came with the step."""
        return (
            (self.creation and _SKELETON.fullmatch(path) is not None)
            or ("/" in path and any(_within(span, found) for span in self.spans))
            or self._is_cached(environment, path, found)
        )

    def _is_cached(self, environment: Path, path: str, found: os.stat_result) -> bool:
        site = SITE.match(path)
        inside = path[site.end() + 1 :] if site else ""
        places = [(self.wheels, inside), (self.conda, path), (self.conda, f"site-packages/{inside}" if inside else "")]
        return any(
            _same(package / below, environment / path, found)
            for folders, below in places
            if below
            for package in self._packages(folders).get(below.partition("/")[0], ())
        )

    def _packages(self, folders: tuple[Path, ...]) -> Mapping[str, list[Path]]:
        """Give the unpacked packages in these folders by the names that they hold at their top."""
        key = "\0".join(map(str, folders))
        if key not in self._tops:
            tops: dict[str, list[Path]] = {}
            for folder in folders:
                with suppress(OSError):
                    for package in folder.iterdir():
                        with suppress(OSError):
                            for entry in package.iterdir():
                                tops.setdefault(entry.name, []).append(package)
            self._tops[key] = tops
        return self._tops[key]


def package_caches(
    environ: Mapping[str, str], home: Path, *, creation: bool, spans: tuple[Span, ...], conda: str | None = None
) -> Unfinished:
    """Find the caches of uv and conda that installers use with these variables; `conda` is its program."""
    uv = Path(environ.get("UV_CACHE_DIR") or Path(environ.get("XDG_CACHE_HOME") or home / ".cache", "uv"))
    wheels = tuple(sorted(uv.glob("archive-v*"))) if uv.is_dir() else ()
    named = environ.get("CONDA_PKGS_DIRS") or environ.get("MAMBA_PKGS_DIRS") or ""
    folders = [Path(item) for item in named.split(",") if item]
    if conda is not None and not folders:
        root = environ.get("MAMBA_ROOT_PREFIX")
        folders = [
            Path(conda).parent.parent / "pkgs",
            home / ".conda" / "pkgs",
            *([Path(root, "pkgs")] if root else []),
        ]
    return Unfinished(creation=creation, spans=spans, wheels=wheels, conda=tuple(folders))


def wanted_of(requirements: Iterable[str], environment: str, installed: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Name what of the `installed` packages a step brought that was to install the requirements: those, and all that they require.

    One of another version than required came from somebody else.
    """
    required = [Requirement(item) for item in requirements]
    ours = _closure((item.name for item in required), Path(environment))
    specifiers: dict[str, SpecifierSet] = {canonicalize_name(item.name): item.specifier for item in required}
    return frozenset(
        name
        for name, version in installed
        if name in ours and (name not in specifiers or specifiers[name].contains(version, prereleases=True))
    )


def _closure(wanted: Iterable[str], environment: Path) -> frozenset[str]:
    requirements = installed_requirements(environment / "bin" / "python")
    todo, seen = [canonicalize_name(name) for name in wanted], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for line in requirements.get(name, ()):
            with suppress(InvalidRequirement):
                todo.append(canonicalize_name(Requirement(line).name))
    return frozenset(seen)


def _within(span: Span, found: os.stat_result) -> bool:
    return span.until is not None and span.since <= found.st_ctime_ns <= span.until


def _same(cached: Path, path: Path, found: os.stat_result) -> bool:
    """Tell whether a file is that of the cache, or a beginning of it; folders count by their names."""
    try:
        other = cached.lstat()
        if stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode):
            same_link = not stat.S_ISLNK(found.st_mode) or path.readlink() == cached.readlink()
            return stat.S_IFMT(other.st_mode) == stat.S_IFMT(found.st_mode) and same_link
        if (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino):
            return True
        return _begins(cached, path)
    except OSError:
        return False


def _begins(cached: Path, path: Path) -> bool:
    with cached.open("rb") as whole, path.open("rb") as part:
        while chunk := part.read(_CHUNK):
            original = whole.read(len(chunk))
            if original != chunk:
                return _PLACEHOLDER in original
    return True
