"""Pythons that are registered on Windows, as PEP 514 describes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torchup.detect.host import Host
from torchup.model.facts import Python, PythonKind

_NUMBERS = r"\d+(?:\.\d+)+\w*"
_ROOT = r"Software\Python"
_KINDS: dict[str, PythonKind] = {
    "anaconda": "conda",
    "continuumanalytics": "conda",
    "miniforge": "conda",
    "astral": "uv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredPython:
    """One entry of the registry's list of Pythons; `company` is the folder above the tag."""

    company: str
    tag: str
    executable: str
    version: str | None = None
    architecture: str | None = None


def parse_registered(entries: Iterable[RegisteredPython]) -> tuple[Python, ...]:
    """Turn registry entries into Pythons, each executable once.

    The tag of the Python core names the flavour: `3.12`, `3.12-32`, `3.13t`, `3.13t-arm64`.
    """
    pythons: dict[str, Python] = {}
    for entry in entries:
        version = entry.version or re.sub(r"[^\d.].*", "", entry.tag)
        if not version.startswith("3."):
            continue
        narrow = entry.architecture == "32bit" or entry.tag.endswith("-32")
        company = entry.company.lower()
        pythons.setdefault(
            entry.executable.lower(),
            Python(
                path=entry.executable,
                version=version,
                implementation="pypy" if "pypy" in company else "cpython",
                bits=32 if narrow else 64,
                free_threaded=re.match(r"3\.\d+t", entry.tag) is not None,
                kind=_KINDS.get(company, "system"),
            ),
        )
    return tuple(pythons.values())


def read_registered(host: Host) -> tuple[RegisteredPython, ...]:
    """Read the registry's list of Pythons, the user's first; empty on other systems."""
    if host.system != "windows" or not host.live:
        return ()
    registry = importlib.import_module("winreg")
    return tuple(entry for entry in read_hives(registry) if host.is_file(entry.executable))


def read_hives(registry: Any) -> Iterator[RegisteredPython]:
    """Walk the three places of PEP 514 with the module `winreg`, or with what stands in for it."""
    views = (
        (registry.HKEY_CURRENT_USER, 0),
        (registry.HKEY_LOCAL_MACHINE, registry.KEY_WOW64_64KEY),
        (registry.HKEY_LOCAL_MACHINE, registry.KEY_WOW64_32KEY),
    )
    for hive, view in views:
        opened = _Hive(registry=registry, hive=hive, access=registry.KEY_READ | view)
        for company in opened.subkeys(_ROOT):
            # The launcher registers itself, and it is no interpreter.
            tags = opened.subkeys(f"{_ROOT}\\{company}") if company.lower() != "pylauncher" else []
            for tag in tags:
                if entry := _read_entry(opened, company, tag):
                    yield entry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hive:
    """One hive of the registry, seen with one access mask."""

    registry: Any
    hive: Any
    access: int

    def subkeys(self, path: str) -> list[str]:
        try:
            with self.registry.OpenKey(self.hive, path, 0, self.access) as key:
                return [self.registry.EnumKey(key, position) for position in range(self.registry.QueryInfoKey(key)[0])]
        except OSError:
            return []  # nobody registered a Python there

    def value(self, path: str, name: str) -> str | None:
        try:
            with self.registry.OpenKey(self.hive, path, 0, self.access) as key:
                value = self.registry.QueryValueEx(key, name)[0]
        except OSError:
            return None  # the entry leaves this out
        return value if isinstance(value, str) and value else None


def _read_entry(hive: _Hive, company: str, tag: str) -> RegisteredPython | None:
    base = f"{_ROOT}\\{company}\\{tag}"
    folder = hive.value(f"{base}\\InstallPath", "")
    executable = hive.value(f"{base}\\InstallPath", "ExecutablePath")
    if executable is None and folder is not None:
        executable = f"{folder.rstrip(chr(92))}\\python.exe"
    if executable is None:
        return None
    # Anaconda writes a name of its own as the version, and Python's number beside it.
    versions = (hive.value(base, "Version"), hive.value(base, "SysVersion"))
    return RegisteredPython(
        company=company,
        tag=tag,
        executable=executable,
        version=next((version for version in versions if version and re.fullmatch(_NUMBERS, version)), None),
        architecture=hive.value(base, "SysArchitecture"),
    )
