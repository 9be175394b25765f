"""What is installed for an interpreter, read from its folders without running it."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.utils import canonicalize_name

_DIST_INFO = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info")
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(?P<version>\d+\.\d+(?:\.\d+)?)", re.MULTILINE)


def site_packages(python: Path) -> tuple[Path, ...]:
    """Find the folders that an environment's interpreter imports installed packages from."""
    prefix = python.parent.parent
    found = [*prefix.glob("lib*/python3*/site-packages"), *prefix.glob("Lib/site-packages")]
    return tuple(dict.fromkeys(folder.resolve() for folder in found if folder.is_dir()))


def installed_distributions(python: Path) -> dict[str, str]:
    """Give name and version of everything that is installed whole, by canonical name.

    Names and versions come from the dist-info folders. One without RECORD is a half-done installation:
    pip and uv write that file last.
    """
    found: dict[str, str] = {}
    for folder in site_packages(python):
        for entry in folder.glob("*.dist-info"):
            match = _DIST_INFO.fullmatch(entry.name)
            if match and (entry / "RECORD").is_file():
                found[canonicalize_name(match["name"])] = match["version"]
    return found


def installed_requirements(python: Path) -> dict[str, tuple[str, ...]]:
    """Give the `Requires-Dist` lines of everything that is installed, by canonical name."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in site_packages(python):
        for entry in folder.glob("*.dist-info"):
            match = _DIST_INFO.fullmatch(entry.name)
            if match is None:
                continue
            try:
                head = (entry / "METADATA").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
            except OSError:
                continue
            found[canonicalize_name(match["name"])] = tuple(re.findall(r"(?m)^Requires-Dist: (.+)$", head))
    return found


def environment_python(path: Path) -> Path | None:
    """Find the interpreter of a venv or conda environment; None when the folder is no environment."""
    if not (path / "pyvenv.cfg").is_file() and not (path / "conda-meta").is_dir():
        return None
    candidates = (path / "bin" / "python", path / "Scripts" / "python.exe", path / "python.exe")
    return next((python for python in candidates if python.exists()), None)


def environment_version(path: Path) -> str | None:
    """Read an environment's Python version from pyvenv.cfg or conda's records."""
    try:
        match = _VERSION.search((path / "pyvenv.cfg").read_text(errors="replace"))
    except OSError:
        match = None
    if match:
        return match["version"]
    for record in path.glob("conda-meta/python-3.*.json"):
        return record.name.split("-")[1]
    return None
