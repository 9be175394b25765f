"""Free space where PyTorch's gigabytes go, and memory."""

from __future__ import annotations

import os
import re
import sys

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import Space
from torchup.words import tr

_MIB = 1024**2
_KIB_PER_MIB = 1024
_TOTAL = r"(?m)^MemTotal:\s+(\d+) kB"
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# DataLoader workers and NCCL pass tensors through /dev/shm; containers give 64 MiB unless told otherwise.
_SMALL_SHM_MIB = 256


def read_space(host: Host, notes: Notes) -> Space:
    """Measure the file systems of home, temporary files and shared memory, and the memory."""
    shm = _free_mib(host, "/dev/shm", notes)  # noqa: S108 - measured, never written to
    if shm is not None and shm < _SMALL_SHM_MIB:
        text = tr("Shared memory is small: data loaders with several workers may fail.")
        notes.add("shared-memory-small", text, f"{shm} MiB")
    return Space(
        home_mib=_free_mib(host, host.home, notes),
        tmp_mib=_free_mib(host, host.environ.get("TMPDIR") or "/tmp", notes),  # noqa: S108 - measured only
        shm_mib=shm,
        memory_mib=_read_memory(host, notes),
    )


def parse_meminfo(text: str) -> int | None:
    """Read the total memory in MiB from /proc/meminfo."""
    match = re.search(_TOTAL, text)
    total = whole_number(match.group(1)) if match else None
    return total // _KIB_PER_MIB if total else None


def parse_memory_limit(text: str) -> int | None:
    """Read a control group's memory limit in MiB; `max`, and v1's huge number, mean none."""
    number = whole_number(text.strip())
    return number // _MIB if number else None


def _read_memory(host: Host, notes: Notes) -> int | None:
    total = parse_meminfo(host.read_text("/proc/meminfo") or "")
    limits = [limit for path in _CGROUP_LIMITS if (limit := parse_memory_limit(host.read_line(path) or ""))]
    if total is not None and limits and min(limits) < total:
        notes.add(
            "memory-limited",
            tr("A control group limits the memory."),
            tr("{limit} of {total} MiB", limit=min(limits), total=total),
        )
        return min(limits)
    return total


def _free_mib(host: Host, path: str, notes: Notes) -> int | None:
    """Give the space that an ordinary user may still fill, at the nearest folder that exists."""
    if not host.live:
        return None
    while not host.exists(path) and path not in ("", "/"):
        path = path.rpartition("/")[0]
    try:
        return _measure(host.disk_path(path or "/")) // _MIB
    except OSError as error:
        notes.add("space-unknown", tr("The free space of {path} is unknown.", path=path), error.strerror)
        return None


def _measure(path: str) -> int:
    if sys.platform == "win32":
        import shutil

        return shutil.disk_usage(path).free
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize
