"""Where the dynamic loader looks for libraries, and which version of a library it finds there."""

from __future__ import annotations

import fnmatch
import re

from torchup.detect.host import Host

_DEFAULT_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/nvidia",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)
_WSL_FOLDER = "/usr/lib/wsl/lib"
_SUFFIX = r"\.so\.(\d+(?:\.\d+)+)"
_MOST_CONFIG_FILES = 200


def loader_folders(host: Host) -> tuple[str, ...]:
    """List the folders that the loader is told about in ld.so.conf, then its own."""
    return tuple(dict.fromkeys((*configured_folders(host), *_DEFAULT_FOLDERS, _WSL_FOLDER)))


def configured_folders(host: Host) -> tuple[str, ...]:
    """List the folders that ld.so.conf and the files it includes name."""
    folders: list[str] = []
    todo = ["/etc/ld.so.conf"]
    seen: set[str] = set()
    while todo and len(seen) < _MOST_CONFIG_FILES:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        found, includes = parse_ld_so_conf(host.read_text(path) or "")
        folders.extend(found)
        for pattern in includes:
            folder, _, name = (pattern if pattern.startswith("/") else f"/etc/{pattern}").rpartition("/")
            todo.extend(f"{folder}/{entry}" for entry in host.names(folder) if fnmatch.fnmatchcase(entry, name))
    return tuple(dict.fromkeys(folders))


def parse_ld_so_conf(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the folders and the include patterns of one ld.so.conf file."""
    folders: list[str] = []
    includes: list[str] = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("include "):
            includes.extend(line.split()[1:])
        elif line.startswith("/"):
            folders.append(line.rstrip("/") or "/")
    return tuple(folders), tuple(includes)


def find_library(host: Host, soname: str) -> str | None:
    """Find a library where the loader would, and give its path with links followed."""
    from_environment = [entry for entry in host.environ.get("LD_LIBRARY_PATH", "").split(":") if entry.startswith("/")]
    for folder in (*from_environment, *loader_folders(host)):
        path = f"{folder}/{soname}"
        if host.is_file(path):
            return host.resolve(path)
    return None


def library_version(path: str | None) -> str | None:
    """Read the version that a driver library carries in its file name: `libcuda.so.580.65.06`."""
    match = re.search(_SUFFIX, path.rpartition("/")[2]) if path else None
    return match.group(1) if match else None
