"""NVIDIA drivers: what each CUDA major needs, and what each driver branch offers."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Literal

from torchup.knowledge.tables import table
from torchup.model.facts import KernelModule, System
from torchup.model.quick import dataclass
from torchup.model.versions import DriverVersion

BranchType = Literal["legacy", "lts", "production", "new_feature", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverMinimum:
    """The oldest driver that may run a CUDA major; `text` is the number as NVIDIA writes it."""

    version: DriverVersion
    text: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverBranch:
    """One driver branch.

    `max_cuda` is the CUDA version it names, as (major, minor). An empty `architectures` was not
    stated by a source. `eol` is a month (`2028-06`), `status` a word where no month is known.
    """

    branch: int
    type: BranchType | None
    lts: bool
    max_cuda: tuple[int, int] | None
    max_cuda_inferred: bool
    architectures: tuple[str, ...]
    kernel_modules: tuple[KernelModule, ...]
    eol: str | None
    status: str | None
    newest_seen: str | None
    note: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelModuleRules:
    """Which kernel module flavour serves which architectures, and in which branches each exists."""

    open_required: tuple[str, ...]
    proprietary_required: tuple[str, ...]
    open_first_branch: int
    default_open_from_branch: int
    last_branch_with_proprietary: int
    min_linux_kernel_open: str
    source: tuple[str, ...]


@cache
def minimum_driver(cuda_major: int, system: System) -> DriverMinimum | None:
    """Give the minor-version-compatibility minimum of a CUDA major; None for a major that no table knows.

    Linux and Windows drivers are numbered apart. Inside WSL the driver is the Windows one, and
    NVML there reports the Windows number (such as 566.36), so ask with `system="windows"`.
    Source: NVIDIA's CUDA release notes and minor-version-compatibility page.
    """
    for row in table("cuda_drivers")["minima"]:
        if row["cuda_major"] == cuda_major and system in row:
            text = row[system]
            return DriverMinimum(version=DriverVersion.parse(text), text=text, source=tuple(row["source"]))
    return None


@cache
def branches() -> tuple[DriverBranch, ...]:
    """Give every known driver branch, oldest first."""
    return tuple(
        DriverBranch(
            branch=row["branch"],
            type=row["type"],
            lts=row["lts"],
            max_cuda=cuda_version(row["max_cuda"]) if row["max_cuda"] else None,
            max_cuda_inferred=row["max_cuda_inferred"],
            architectures=tuple(row["architectures"] or ()),
            kernel_modules=tuple(row["kernel_modules"]),
            eol=row["eol"],
            status=row["status"],
            newest_seen=row["newest_seen"],
            note=row["note"],
            source=row["source"],
        )
        for row in table("driver_branches")["branches"]
    )


def branch(number: int) -> DriverBranch | None:
    """Give the branch with exactly this number, None for one that the table does not know."""
    return next((row for row in branches() if row.branch == number), None)


def branch_of(driver: DriverVersion) -> DriverBranch | None:
    """Give the branch a driver belongs to: the newest known one that is not newer than the driver.

    Windows drivers carry their own numbers inside a branch's range (566.36 is of branch 565).
    None for drivers older than the table.
    """
    position = bisect_right(branches(), driver.branch, key=lambda row: row.branch)
    return branches()[position - 1] if position else None


def cuda_ceiling(driver: DriverVersion) -> tuple[int, int] | None:
    """Give the CUDA version that a driver names, as far as its branch tells; None where unknown.

    A driver of a branch newer than the table names at least the newest ceiling in it.
    """
    found = branch_of(driver)
    return found.max_cuda if found else None


@cache
def kernel_module_rules() -> KernelModuleRules:
    """Give the rules for open and proprietary kernel modules."""
    rules = table("driver_branches")["kernel_module"]
    return KernelModuleRules(
        open_required=tuple(rules["open_required"]),
        proprietary_required=tuple(rules["proprietary_required"]),
        open_first_branch=rules["open_first_branch"],
        default_open_from_branch=rules["default_open_from_branch"],
        last_branch_with_proprietary=rules["last_branch_with_proprietary"],
        min_linux_kernel_open=rules["min_linux_kernel_open"],
        source=tuple(rules["source"]),
    )


def cuda_version(text: str) -> tuple[int, int]:
    """Read `13.0` or `13.0.2` as (13, 0); raises ValueError for anything else."""
    major, minor, *_ = text.split(".")
    return int(major), int(minor)
