"""Linux systems as recipes know them: the release, the kernel's flavour, and those that go their own way."""

from __future__ import annotations

import re

from torchup.knowledge.tables import table
from torchup.model.facts import OperatingSystem
from torchup.model.quick import dataclass

# 6.8.0-45-generic, 6.1.0-40-cloud-amd64, 6.12.48+deb13-amd64
_KERNEL = re.compile(r"[0-9.]+(?:\+[A-Za-z0-9]+)?(?:-[0-9]+)?-(?P<flavour>[A-Za-z][A-Za-z0-9-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A system that recipes are written for; a derivative counts as the release it is built from."""

    id: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do on a system whose driver torchup leaves to its own tools."""

    text: str
    commands: tuple[str, ...]


def release_of(system: OperatingSystem) -> Release | None:
    """Name the release that recipes know this system as; None for one that no recipe is about.

    A derivative is known only where the table says what it is built from: `ID_LIKE` alone tells a family and no release.
    """
    if system.system != "linux" or system.id is None:
        return None
    for row in table("system_recipes")["derivatives"]:
        if row["id"] == system.id and row["like"] in (*system.like, *((row["base"],) if not system.like else ())):
            version = row["versions"].get(system.version or "") or row["versions"].get(major_of(system.version))
            version = version or row["versions"].get("")
            return Release(id=row["base"], version=version) if version else None
    version = "rolling" if system.id == "arch" else system.version
    known = {name for row in table("system_recipes")["recipes"] for name in row["ids"]}
    return Release(id=system.id, version=version) if version and system.id in known else None


def advice_for(system: OperatingSystem) -> Advice | None:
    """Say what to do on a system that is known to go its own way."""
    for row in table("system_recipes")["advice"]:
        if row["id"] == system.id:
            return Advice(text=row["text"], commands=tuple(row["commands"]))
    return None


def kernel_flavour(system: OperatingSystem) -> str | None:
    """Name the kernel's flavour as packages do: `generic`, `generic-hwe-24.04`, `aws`, `default`, `arch`, `lts`.

    On Ubuntu a generic kernel that is not the release's own is its hardware enablement kernel.
    """
    kernel, release = system.kernel or "", release_of(system)
    if release is None or "-" not in kernel:
        return None
    if release.id == "arch":
        return next((name for name in ("lts", "zen", "hardened") if name in kernel), "arch")
    if release.id not in ("debian", "ubuntu"):
        return kernel.rpartition("-")[2]
    match = _KERNEL.fullmatch(kernel)
    if match is None:
        return None
    flavour = match["flavour"]
    own = table("system_recipes")["kernel_lines"].get(release.version) if release.id == "ubuntu" else None
    line = ".".join(kernel.split("-")[0].split(".")[:2])
    return f"{flavour}-hwe-{release.version}" if flavour == "generic" and own and line != own else flavour


def major_of(version: str | None) -> str:
    """Give the part of a version before its first dot; empty for none."""
    return (version or "").partition(".")[0]
