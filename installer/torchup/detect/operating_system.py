"""Which Linux this is: os-release, kernel and machine architecture."""

from __future__ import annotations

import os
import re

from torchup.detect.host import Host
from torchup.detect.libc import read_libc
from torchup.detect.notes import Notes
from torchup.model.facts import OperatingSystem
from torchup.words import tr

_ASSIGNMENT = r"([A-Za-z_][A-Za-z0-9_]*)=(.*)"
_ESCAPE = r"\\([\\\"'$`])"
_QUOTES = "\"'"
_REDHAT_RELEASE = r"(?P<name>[A-Za-z ]+?)(?: Linux)? release (?P<version>[\d.]+)"
_ELF_MACHINES = {
    0x03: "i686",
    0x28: "armv7l",
    0x3E: "x86_64",
    0xB7: "aarch64",
    0x15: "ppc64le",
    0x16: "s390x",
    0xF3: "riscv64",
}
_ELF_HEADER = 20
_SERVED = ("x86_64", "aarch64", "arm64", "amd64")


def read_operating_system(host: Host, notes: Notes) -> OperatingSystem:
    """Read the distribution, the kernel, the architecture and the C library of a Linux machine."""
    release = _read_release(host)
    if not release:
        notes.add("os-release-missing", tr("The distribution is unknown: there is no os-release file."))
    arch = _read_arch(host, notes)
    if arch not in _SERVED:
        notes.add("architecture-unserved", tr("PyTorch publishes no wheels for {arch} machines.", arch=arch), arch)
    identifier = release.get("ID", "").lower() or None
    libc, libc_version = read_libc(host, notes, identifier)
    return OperatingSystem(
        system="linux",
        id=identifier,
        version=release.get("VERSION_ID") or None,
        like=tuple(release.get("ID_LIKE", "").lower().split()),
        arch=arch,
        kernel=kernel_release(host),
        libc=libc,
        libc_version=libc_version,
    )


def kernel_release(host: Host) -> str | None:
    """Read the running kernel's release, as `uname -r` gives it."""
    release = host.read_line("/proc/sys/kernel/osrelease")
    return release or (os.uname().release if host.live else None)


def parse_os_release(text: str) -> dict[str, str]:
    """Parse os-release: shell-like assignments, by the rules of os-release(5)."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(_ASSIGNMENT, line.strip())
        if match is None:
            continue
        key, value = match.group(1), match.group(2).strip()
        if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0]:
            value = value[1:-1]
        values[key] = re.sub(_ESCAPE, r"\1", value)
    return values


def parse_redhat_release(text: str) -> dict[str, str]:
    """Parse the one line of /etc/redhat-release, for systems older than os-release."""
    match = re.match(_REDHAT_RELEASE, text.strip())
    if match is None:
        return {}
    name = match["name"].lower()
    identifier = "rhel" if "red hat" in name else name.split()[0]
    return {"ID": identifier, "VERSION_ID": match["version"], "ID_LIKE": "" if identifier == "rhel" else "rhel fedora"}


def parse_elf_machine(content: bytes) -> str | None:
    """Tell the architecture an ELF file is built for, by `e_machine` of its header."""
    if len(content) < _ELF_HEADER or content[:4] != b"\x7fELF":
        return None
    order = "little" if content[5] == 1 else "big"
    machine = int.from_bytes(content[18:20], "little" if order == "little" else "big")
    return _ELF_MACHINES.get(machine)


def _read_release(host: Host) -> dict[str, str]:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if text := host.read_text(path):
            return parse_os_release(text)
    return parse_redhat_release(host.read_text("/etc/redhat-release") or "")


def _read_arch(host: Host, notes: Notes) -> str:
    if host.live:
        return os.uname().machine
    if arch := host.read_line("/proc/sys/kernel/arch"):
        return arch
    for path in ("/bin/sh", "/usr/bin/env", "/bin/busybox", "/sbin/init"):
        if arch := parse_elf_machine((host.read_bytes(path) or b"")[:_ELF_HEADER]):
            return arch
    notes.add("architecture-unknown", tr("The machine's architecture cannot be told from its files."))
    return "unknown"
