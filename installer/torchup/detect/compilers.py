"""C++ compilers on PATH: what nvcc calls for the host's part of a program."""

from __future__ import annotations

import re
from typing import Literal

from torchup.detect.host import Host
from torchup.model.facts import Compiler

_NAMES = ("g++", "clang++")
_NUMBERED = re.compile(r"(g|clang)\+\+-(\d{1,2})")
_NUMBERED_FILE = re.compile(r"(?:/|-)(g|clang)(?:\+\+)?-(\d{1,2})$")
_CLANG = re.compile(r"clang version (\d+(?:\.\d+)*)")
_NUMBER = re.compile(r"\b(\d+\.\d+(?:\.\d+)?)\b")
_BRACKETS = re.compile(r"\([^)]*\)")


def read_compilers(host: Host) -> tuple[Compiler, ...]:
    """Find g++ and clang++ and their numbered names (`g++-13`) on PATH, the default one first.

    nvcc takes g++ by itself. A number in the name, or in that of the file a link leads to, is believed; only a
    plain name without one is started.
    """
    found: dict[str, Compiler] = {}
    for name in _NAMES:
        if path := host.which(name):
            default = not found and name == "g++"
            found[path] = _by_file_name(host, path, default) or _started(host, name, path, default)
    # /bin is often a link to /usr/bin, and both are on PATH.
    folders: dict[str, str] = {}
    for folder in host.search_path():
        folders.setdefault(host.resolve(folder), folder)
    for folder in folders.values():
        for name in host.names(folder):
            match = _NUMBERED.fullmatch(name)
            if match and host.executable(f"{folder}/{name}"):
                path = f"{folder}/{name}"
                kind: Literal["gcc", "clang"] = "gcc" if match[1] == "g" else "clang"
                found.setdefault(path, Compiler(kind=kind, path=path, version=match[2]))
    return tuple(found.values())


def _by_file_name(host: Host, path: str, default: bool) -> Compiler | None:
    match = _NUMBERED_FILE.search(host.resolve(path))
    if match is None:
        return None
    return Compiler(kind="gcc" if match[1] == "g" else "clang", path=path, version=match[2], default=default)


def _started(host: Host, name: str, path: str, default: bool) -> Compiler:
    ran = host.run([path, "--version"])
    kind, version = parse_compiler(ran.stdout) if ran is not None and ran.ok else (None, None)
    return Compiler(kind=kind or ("gcc" if name == "g++" else "clang"), path=path, version=version, default=default)


def parse_compiler(text: str) -> tuple[Literal["gcc", "clang"] | None, str | None]:
    """Read what `--version` prints: gcc or clang, and the version; a g++ that is clang says so here."""
    first = text.partition("\n")[0]
    if match := _CLANG.search(first):
        return "clang", match[1]
    if not first.strip() or "clang" in first.lower():
        return None, None
    # The distribution's name stands in brackets and has numbers of its own: g++ (Debian 12.2.0-14) 12.2.0.
    numbers = _NUMBER.findall(_BRACKETS.sub("", first))
    return ("gcc", numbers[0]) if numbers else (None, None)
