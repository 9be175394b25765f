"""The C library and its version: it decides which wheels can load."""

from __future__ import annotations

import os
import re
from typing import Literal

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.words import tr

Libc = Literal["glibc", "musl"]

_GLIBC_BANNER = rb"GNU C Library [^\n]{0,80}?version (\d+\.\d+)"
_GLIBC_FILE = r"libc-(\d+\.\d+)\.so"
_MUSL_BANNER = r"musl libc[^\n]*\nVersion (\d+\.\d+(?:\.\d+)?)"
_MUSL_LOADER = r"ld-musl-[a-z0-9_]+\.so\.1"
_LIBRARY_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)


def read_libc(host: Host, notes: Notes, distribution: str | None) -> tuple[Libc | None, str | None]:
    """Tell the C library and its version.

    glibc is asked for first: Debian can have musl installed beside it. On Alpine a glibc shim may lie
    beside musl, so there the order is turned round.
    """
    probes = (_read_musl, _read_glibc) if distribution == "alpine" else (_read_glibc, _read_musl)
    for probe in probes:
        found = probe(host)
        if found is not None:
            return found
    notes.add("libc-unknown", tr("The C library is unknown: neither glibc nor musl was found."))
    return None, None


def parse_confstr(text: str | None) -> str | None:
    """Parse what `confstr(_CS_GNU_LIBC_VERSION)` gives, `glibc 2.36`."""
    name, _, version = (text or "").partition(" ")
    return version.strip() or None if name == "glibc" else None


def parse_glibc_banner(content: bytes) -> str | None:
    """Find the version in the banner that glibc carries in its own file."""
    match = re.search(_GLIBC_BANNER, content)
    return match.group(1).decode() if match else None


def parse_musl_banner(text: str) -> str | None:
    """Parse what musl's loader prints when it is started without a program."""
    match = re.search(_MUSL_BANNER, text)
    return match.group(1) if match else None


def parse_apk_version(database: str, package: str) -> str | None:
    """Find a package's version in Alpine's database of installed packages (`P:` and `V:` lines)."""
    wanted = False
    for line in database.splitlines():
        if line.startswith("P:"):
            wanted = line[2:] == package
        elif wanted and line.startswith("V:"):
            return line[2:].partition("-r")[0]
    return None


def _read_glibc(host: Host) -> tuple[Libc, str | None] | None:
    if host.live:
        try:
            version = parse_confstr(os.confstr("CS_GNU_LIBC_VERSION"))
        except (ValueError, OSError):
            version = None  # musl does not know the name
        if version:
            return "glibc", version
    for folder in _LIBRARY_FOLDERS:
        path = f"{folder}/libc.so.6"
        if not host.is_file(path):
            continue
        match = re.fullmatch(_GLIBC_FILE, host.resolve(path).rpartition("/")[2])
        version = match.group(1) if match else parse_glibc_banner(host.read_bytes(path) or b"")
        if version:
            return "glibc", version
    return None


def _read_musl(host: Host) -> tuple[Libc, str | None] | None:
    loaders = [name for name in host.names("/lib") if re.fullmatch(_MUSL_LOADER, name)]
    if not loaders:
        return None
    version = parse_apk_version(host.read_text("/lib/apk/db/installed") or "", "musl")
    if version is None:
        ran = host.run([f"/lib/{loaders[0]}"])
        version = parse_musl_banner(ran.stderr + ran.stdout) if ran else None
    return "musl", version
