"""The environment that the markers of requirements (PEP 508) are held against: that of a described machine, not ours."""

from __future__ import annotations

from torchup.model.facts import OperatingSystem

_NAMES = {"windows": ("nt", "win32", "Windows"), "darwin": ("posix", "darwin", "Darwin")}


def marker_environment(system: OperatingSystem, python: str) -> dict[str, str]:
    """Give the markers' variables for a CPython of this version, `3.12.4`; `3.12` stands for its first release."""
    os_name, sys_platform, platform_system = _NAMES.get(system.system, ("posix", "linux", "Linux"))
    parts = python.rstrip("t").split(".")
    full = ".".join(parts if len(parts) > 2 else [*parts, "0"])  # noqa: PLR2004  major, minor and patch
    return {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": platform_system,
        "platform_machine": system.arch,
        "platform_release": system.kernel or "",
        "platform_version": "",
        "python_full_version": full,
        "implementation_version": full,
        "python_version": ".".join(parts[:2]),
    }
