"""What is installed for an interpreter, read from its folders without running it."""

from __future__ import annotations

import os.path
import re
from collections.abc import Collection
from pathlib import Path
from typing import cast

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchup.plan.pins import extras_hold
from torchup.plan.wheel_record import HEADER_BYTES, INSTALLERS_THAT_KEEP_RECORD, damaged_files
from torchup.reading import open_regular, read_file
from torchup.words import tr

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
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


def damaged_distributions(python: Path, names: Collection[str]) -> dict[str, str]:
    """Find which of these distributions, and of what they require, lack files that they cannot work without.

    Gives the first such file by canonical name. Only what pip or uv installed is looked at.
    """
    infos = {
        canonicalize_name(match["name"]): entry
        for folder in site_packages(python)
        for entry in folder.glob("*.dist-info")
        if (match := _DIST_INFO.fullmatch(entry.name))
    }
    requirements = installed_requirements(python)
    todo, seen = [canonicalize_name(name) for name in names], set[str]()
    damaged: dict[str, str] = {}
    while todo:
        name = todo.pop()
        if name in seen or name not in infos:
            continue
        seen.add(name)
        todo += [canonicalize_name(match[0]) for line in requirements.get(name, ()) if (match := _NAME.match(line))]
        if file := _first_damaged(infos[name]):
            damaged[name] = file
    return damaged


def _first_damaged(info: Path) -> str | None:
    try:
        installer = read_file(info / "INSTALLER").decode().strip()
        record = read_file(info / "RECORD").decode()
    except (OSError, ValueError):
        return None
    if installer not in INSTALLERS_THAT_KEEP_RECORD:
        return None
    folder = info.parent

    def size_of(path: str) -> int | None:
        try:
            return (folder / path).stat().st_size
        except OSError:
            return None

    def header_of(path: str) -> bytes | None:
        try:
            with open_regular(folder / path) as library:
                return library.read(HEADER_BYTES)
        except OSError:
            return None

    file = next(damaged_files(record, size_of, header_of), None)
    return None if file is None else str(folder / file)


def installed_requirements(python: Path) -> dict[str, tuple[str, ...]]:
    """Give the `Requires-Dist` lines of everything that is installed, by canonical name."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in site_packages(python):
        for entry in folder.glob("*.dist-info"):
            match = _DIST_INFO.fullmatch(entry.name)
            if match is None:
                continue
            try:
                head = read_file(entry / "METADATA").decode(errors="replace").replace("\r\n", "\n").partition("\n\n")[0]
            except OSError:
                continue
            found[canonicalize_name(match["name"])] = tuple(re.findall(r"(?m)^Requires-Dist: (.+)$", head))
    return found


def lacking_extras(python: Path, requirements: Collection[str]) -> tuple[str, ...]:
    """Give the requirements on installed packages whose extras, `name[extra]`, are not installed whole."""
    bracketed = [item for item in requirements if Requirement(item).extras]
    if not bracketed:
        return ()
    environment = {**cast("dict[str, str]", default_environment()), **_python_markers(python)}
    installed, needs = installed_distributions(python), installed_requirements(python)
    return tuple(item for item in bracketed if not extras_hold(item, installed, needs, environment))


def _python_markers(python: Path) -> dict[str, str]:
    version = environment_version(python.parent.parent)
    if version is None:
        return {}
    return {"python_full_version": version, "python_version": ".".join(version.split(".")[:2])}


def environment_python(path: Path) -> Path | None:
    """Find the interpreter of a venv or conda environment; None when the folder is no environment."""
    if not (path / "pyvenv.cfg").is_file() and not (path / "conda-meta").is_dir():
        return None
    candidates = (path / "bin" / "python", path / "Scripts" / "python.exe", path / "python.exe")
    return next((python for python in candidates if python.exists()), None)


def lost_interpreter(path: Path) -> str | None:
    """Say what became of the interpreter of an environment that has none any more; None for anything else.

    A venv's interpreter is a link to the one that it was made with, which an upgrade of the system may remove.
    """
    marked = (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir()
    if not marked or environment_python(path) is not None:
        return None
    links = (path / "bin" / "python", path / "bin" / "python3")
    return next((said for link in links if (said := leads_nowhere(link))), None) or tr(
        "{python} is not there", python=links[0]
    )


def leads_nowhere(path: Path) -> str | None:
    """Say where a link leads that has nothing at its end; None for anything else."""
    if not path.is_symlink() or path.exists():
        return None
    return tr("{python} leads to {target}, which is not there", python=path, target=os.path.realpath(path))


def environment_version(path: Path) -> str | None:
    """Read an environment's Python version from pyvenv.cfg or conda's records."""
    try:
        version = parse_pyvenv(read_file(path / "pyvenv.cfg").decode(errors="replace"))
    except OSError:
        version = None
    if version:
        return version
    for record in path.glob("conda-meta/python-3.*.json"):
        return record.name.split("-")[1]
    return None


def parse_pyvenv(text: str) -> str | None:
    """Read the version of the Python that a venv was made with from its pyvenv.cfg."""
    match = _VERSION.search(text)
    return match["version"] if match else None
