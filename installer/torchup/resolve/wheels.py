"""Whether a wheel fits a machine and an interpreter, by the tags in its file name alone."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from torchup.model.facts import OperatingSystem
from torchup.model.quick import dataclass
from torchup.resolve.refusal import Refusal
from torchup.words import tr

Release = tuple[int, int]

_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MUSLLINUX = re.compile(r"musllinux_(\d+)_(\d+)_(\w+)")
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
_CPYTHON = re.compile(r"cp(\d)(\d+)(t?)")
_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?")

_ARCHES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_WINDOWS = {"win_amd64": "x86_64", "win_arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a platform tag is held against; a libc or system version of None is unknown.

    `arch` is `x86_64` or `aarch64` on every system.
    """

    system: str
    arch: str
    libc: str | None = None
    libc_version: Release | None = None
    macos: Release | None = None


def host_of(os: OperatingSystem) -> Host:
    """Read what the tags ask about from the machine facts."""
    return Host(
        system=os.system,
        arch=_ARCHES.get(os.arch.lower(), os.arch.lower()),
        libc=os.libc,
        libc_version=_release(os.libc_version),
        macos=_release(os.version) if os.system == "darwin" else None,
    )


@lru_cache(maxsize=4096)
def platform_refusal(tags: str, host: Host) -> Refusal | None:
    """Say why no platform of a compressed tag fits, None when one does.

    Of several misses the one nearest to fitting is told: a version that is too old rather than
    another architecture.
    """
    refusals = [_one_platform(tag, host) for tag in tags.split(".")]
    if None in refusals:
        return None
    return min((refusal for refusal in refusals if refusal), key=lambda refusal: refusal.code == "platform")


def _one_platform(tag: str, host: Host) -> Refusal | None:
    if tag == "any":
        return None
    if host.system == "linux":
        return _linux(tag, host)
    if host.system == "darwin":
        return _macos(tag, host)
    return None if _WINDOWS.get(tag) == host.arch else _other_platform(tag, host)


def _linux(tag: str, host: Host) -> Refusal | None:
    family, _, arch = tag.partition("_")
    needed: Release | None = _OLD_MANYLINUX.get(family)
    if musl := _MUSLLINUX.fullmatch(tag):
        return None if (host.libc, host.arch) == ("musl", musl.group(3)) else _other_platform(tag, host)
    if manylinux := _MANYLINUX.fullmatch(tag):
        needed, arch = (int(manylinux.group(1)), int(manylinux.group(2))), manylinux.group(3)
    elif needed is None and family != "linux":
        return _other_platform(tag, host)
    if arch != host.arch:
        return _other_platform(tag, host)
    if host.libc == "musl":
        return Refusal("musl", tr("is built for glibc ({tag}); this system uses musl"), {"tag": tag})
    if needed and host.libc_version and host.libc_version < needed:
        return Refusal(
            "glibc-too-old",
            tr("needs glibc {needed} or newer; found {found} (its wheel is {tag})"),
            {"tag": tag, "needed": _dotted(needed), "found": _dotted(host.libc_version)},
        )
    return None


def _macos(tag: str, host: Host) -> Refusal | None:
    match = _MACOS.fullmatch(tag)
    arches = {"universal2": ("x86_64", "aarch64"), "arm64": ("aarch64",)}
    if match is None or host.arch not in arches.get(match.group(3), (match.group(3),)):
        return _other_platform(tag, host)
    needed = (int(match.group(1)), int(match.group(2)))
    if host.macos and host.macos < needed:
        return Refusal(
            "macos-too-old",
            tr("needs macOS {needed} or newer; found {found} (its wheel is {tag})"),
            {"tag": tag, "needed": _dotted(needed), "found": _dotted(host.macos)},
        )
    return None


def _other_platform(tag: str, host: Host) -> Refusal:
    values = {"tag": tag, "system": host.system, "arch": host.arch}
    return Refusal("platform", tr("is built for {tag}; this machine is {system} on {arch}"), values)


@cache
def fits_python(python_tags: str, abi_tags: str, release: Release, free_threaded: bool) -> bool:
    """Tell whether CPython of this release can load a wheel with these compressed tags."""
    return any(
        _one_python(python, abi, release, free_threaded)
        for python in python_tags.split(".")
        for abi in abi_tags.split(".")
    )


def _one_python(python: str, abi: str, release: Release, free_threaded: bool) -> bool:
    if python.startswith("py"):
        digits = python[2:]
        named = (int(digits[:1] or 0), int(digits[1:] or 0))
        return abi == "none" and named[0] == release[0] and named <= release
    match = _CPYTHON.fullmatch(python)
    if match is None:
        return False
    named = (int(match.group(1)), int(match.group(2)))
    if abi == "abi3":
        return not free_threaded and named[0] == release[0] and named <= release
    if named != release:
        return False
    return abi == "none" or abi == f"cp{named[0]}{named[1]}{'t' if free_threaded else ''}"


@cache
def python_of(python_tag: str, abi_tag: str) -> str | None:
    """Name the one Python a wheel is for (`3.12`, `3.13t`); None where it serves several or none we know."""
    match = _CPYTHON.fullmatch(python_tag)
    if match is None or abi_tag == "abi3":
        return None
    return f"{match.group(1)}.{match.group(2)}{'t' if abi_tag.endswith('t') else ''}"


def _release(text: str | None) -> Release | None:
    match = _NUMBER.match(text or "")
    return (int(match.group(1)), int(match.group(2) or 0)) if match else None


def _dotted(release: Release) -> str:
    return ".".join(map(str, release))
