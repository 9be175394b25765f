"""The platforms that PyTorch has wheels for."""

from __future__ import annotations

from typing import Literal

from torchup.model.facts import OperatingSystem

Platform = Literal["linux_x86_64", "linux_aarch64", "windows_amd64", "windows_arm64", "macos_x86_64", "macos_arm64"]

PLATFORMS: tuple[Platform, ...] = (
    "linux_x86_64",
    "linux_aarch64",
    "windows_amd64",
    "windows_arm64",
    "macos_x86_64",
    "macos_arm64",
)

_INTEL_64 = frozenset({"x86_64", "amd64", "x64"})
_ARM_64 = frozenset({"aarch64", "arm64"})
_BY_SYSTEM: dict[str, tuple[Platform, Platform]] = {
    "linux": ("linux_x86_64", "linux_aarch64"),
    "windows": ("windows_amd64", "windows_arm64"),
    "darwin": ("macos_x86_64", "macos_arm64"),
}


def platform_of(os: OperatingSystem) -> Platform | None:
    """Name the wheel platform of a system; None where PyTorch has no wheels (32-bit, POWER, RISC-V)."""
    intel, arm = _BY_SYSTEM[os.system]
    arch = os.arch.lower()
    if arch in _INTEL_64:
        return intel
    return arm if arch in _ARM_64 else None
