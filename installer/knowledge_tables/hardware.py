"""The sources about cards, drivers, CUDA, ROCm, XPU and macOS, key by key."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from knowledge_tables.common import File, KernelModule, Platform, Row, Words

Range = list[str]
Span = list[int]


class Chip(Row):
    """One chip of NVIDIA."""

    name: str
    """Its name, `GB202`."""
    compute_capability: str | None = None
    """Its compute capability; left out where no source states it."""
    uncertain: bool = False
    """Whether the compute capability follows from the family and is stated by no source."""
    modules: Literal["proprietary_only", "either_open_preferred", "open_only"] | None = None
    """The kernel modules that serve it."""
    first_driver: str | None = None
    """The first driver in which it was seen; an earlier one may know it."""
    first_driver_note: str | None = None
    """What else is worth knowing about that."""
    last_driver_branch: int | None = None
    """The last driver branch that serves it; left out where none has dropped it."""
    first_toolkit: str | None = None
    """The first CUDA toolkit that compiles for it."""
    last_toolkit: str | None = None
    """The last CUDA toolkit that compiles for it; left out where none has dropped it."""
    soc: bool = False
    """Whether it is part of a system on a chip, such as Jetson."""
    examples: Words
    """Cards with it, as people call them."""
    pci_ids: Words
    """The PCI device ids of vendor 10de."""
    source: Words
    """Short names of the sources."""


class ChipBlock(Row):
    """A block of PCI ids that belong to one chip, those not seen yet included."""

    first: str
    """The first id."""
    last: str
    """The last id."""
    chip: str
    """The chip."""
    source: str
    """The short name of the source."""


class Architecture(File):
    """`nvidia_chips/ada.toml`: one architecture of NVIDIA with its chips."""

    architecture: str
    """Its name in small letters."""
    compute_capabilities: Words
    """Every compute capability of it, lowest first."""
    stated_by: str
    """Where the list of its compute capabilities was read."""
    chips: list[Chip]
    """Its chips."""
    blocks: list[ChipBlock] = []
    """Blocks of PCI ids that belong to one of them."""


class BeforeKepler(Row):
    """Cards that are older than every row."""

    blocks: list[Range]
    """Blocks of PCI ids: the first and the last."""
    architecture: str
    """The newest architecture among them."""
    compute_capability_at_most: str
    """The highest compute capability among them."""
    note: str
    """What else is worth knowing."""
    source: Words
    """Short names of the sources."""


class ChipsShared(File):
    """`nvidia_chips/_shared.toml`: what holds for many chips."""

    licence: str
    """The terms of the lists that names and ids come from."""
    class_filter: Words
    """The PCI classes that count as a card."""
    blocks_note: str
    """Why an id that is not listed is taken for the chip of its block."""
    before_kepler: BeforeKepler
    """Cards that are older than every row."""


class ExclusionDropped(Row):
    """Since when some builds serve devices that they were kept from."""

    from_cuda: Span
    """The CUDA version of the build, as two numbers."""
    for_: list[int] = Field(alias="for")
    """The compute capabilities, times ten, that a cubin was built for."""


class PtxCaveat(Row):
    """When PTX does not help."""

    text: str
    """What does not work."""
    source: str
    """Where it is said."""


class CubinRules(File):
    """`cubin_rules.toml`: which compiled code in a wheel runs on which device."""

    source: str
    """Where the rules were read."""
    evidence: Words
    """The code of how it is known."""
    rule: str
    """The rule in words."""
    ptx: str
    """The rule for PTX in words."""
    excluded_devices: dict[str, list[int]]
    """From a cubin's compute capability, times ten, to devices of the same major on which it does not run."""
    exact_only: dict[str, list[int]]
    """From a cubin's compute capability, times ten, to the only devices on which it runs."""
    exclusion_dropped: ExclusionDropped
    """Since when some builds serve devices that they were kept from."""
    ptx_caveat: PtxCaveat
    """When PTX does not help."""


class DriverMinimum(Row):
    """The oldest driver for a CUDA major."""

    cuda_major: int
    """The CUDA major."""
    linux: str
    """The oldest driver on Linux."""
    windows: str
    """The oldest driver on Windows."""
    branch_range: str
    """The driver branches of that major, in words."""
    source: Words
    """Short names of the sources."""
    note: str = ""
    """What else is worth knowing."""


class CudaRelease(Row):
    """The driver that came with a release of CUDA."""

    cuda: str
    """The release of CUDA."""
    linux: str | None = None
    """The driver on Linux."""
    windows: str | None = None
    """The driver on Windows."""
    driver_branch: int
    """The branch of the driver."""
    source: str
    """The short name of the source."""
    note: str = ""
    """What else is worth knowing."""


class CudaDrivers(File):
    """`cuda_drivers.toml`: which driver a release of CUDA needs."""

    minima: list[DriverMinimum]
    """The minima of minor-version compatibility, which decide whether a wheel runs."""
    caveats: Words
    """What minor-version compatibility does not give."""
    releases: list[CudaRelease]
    """The driver that came with each release of CUDA, oldest first."""


class DriverBranch(Row):
    """One branch of NVIDIA's driver."""

    branch: int
    """Its number."""
    type: Literal["lts", "production", "new_feature", "legacy", "unknown"] | None = None
    """What NVIDIA calls it."""
    lts: bool
    """Whether it gets long-term support."""
    max_cuda: str | None = None
    """The CUDA version that it names."""
    max_cuda_inferred: bool
    """Whether that was concluded and is stated by no source."""
    architectures: Words | None = None
    """The architectures that it serves; left out where no source lists them."""
    kernel_modules: list[KernelModule]
    """The kernel modules that it comes with, the one that is installed by default first."""
    eol: str | None = None
    """When it ends."""
    status: str | None = None
    """Whether it is maintained, in words."""
    newest_seen: str | None = None
    """Its newest version that was seen."""
    note: str | None = None
    """What else is worth knowing."""
    source: str
    """The short name of the source, or an address."""


class KernelModuleRules(Row):
    """Which kernel module serves what."""

    open_required: Words
    """Architectures that only the open module serves."""
    open_supported: Words
    """Architectures that the open module serves."""
    proprietary_required: Words
    """Architectures that only the proprietary module serves."""
    open_first_branch: int
    """The first branch with the open module."""
    default_open_from_branch: int
    """The first branch that installs the open module by default."""
    last_branch_with_proprietary: int
    """The last branch with the proprietary module."""
    open_required_pci_ids: Words
    """Cards that only the open module serves, beside those architectures."""
    open_required_pci_ids_note: str
    """What these cards are."""
    min_linux_kernel_open: str
    """The oldest Linux on which the open module works."""
    source: Words
    """Short names of the sources."""


class DriverBranches(File):
    """`driver_branches.toml`: the branches of NVIDIA's driver."""

    branches: list[DriverBranch]
    """The branches, oldest first."""
    kernel_module: KernelModuleRules
    """Which kernel module serves what."""


class CompilerLimit(Row):
    """The host compilers that nvcc of one release of CUDA accepts; both ends of a range are allowed."""

    cuda: str
    """The release of CUDA; it holds for those after it up to the next row."""
    gcc: Span = []
    """The oldest and the newest major version of gcc."""
    clang: Span = []
    """The oldest and the newest major version of clang."""
    source: Words
    """Short names of the sources."""
    note: str = ""
    """What else is worth knowing."""


class HostCompilers(File):
    """`host_compilers.toml`: which host compilers nvcc accepts."""

    limits: list[CompilerLimit]
    """The limits, oldest release of CUDA first."""
    note: str
    """How the rows are read."""
    newest_read: str
    """The newest release of CUDA that was read."""


class IntelMacs(Row):
    """Where Intel Macs end."""

    torch: str
    """The last torch with wheels for them."""
    tag: str
    """The platform tag of these wheels."""
    source: str
    """The short name of the source."""


class Mps(Row):
    """Where PyTorch's MPS backend begins."""

    enabled_from_macos: Span
    """The macOS version, as two numbers."""
    source: str
    """The short name of the source."""


class Macos(File):
    """`macos.toml`: what holds on macOS."""

    x86_64_last: IntelMacs
    """Where Intel Macs end."""
    mps: Mps
    """Where PyTorch's MPS backend begins."""
    note: str
    """Where the oldest macOS of a wheel is told."""


class LaterTargets(Row):
    """Targets of an index that older releases of torch on it do not have."""

    gfx: Words
    """The targets."""
    torch: str
    """The first minor release of torch that has them."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""


class RocmIndex(Row):
    """The gfx targets of one ROCm index."""

    variant: str
    """The variant, `rocm7.2`."""
    gfx: Words
    """The gfx targets in its wheels."""
    later: list[LaterTargets]
    """Targets among them that only a later torch has."""
    note: str | None = None
    """What else is worth knowing."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""


class AmdChip(Row):
    """The gfx target of some chips of AMD."""

    names: Words
    """The chips, `Navi 31`, and products where the name says more."""
    gfx: str
    """The gfx target."""
    source: Words
    """Short names of the sources."""


class Rocm(File):
    """`rocm.toml`: AMD's cards and PyTorch's ROCm indexes."""

    evidence_codes: dict[str, str]
    """The codes that `evidence` holds, and what they mean."""
    platforms: list[Platform]
    """The platforms that have ROCm wheels."""
    chips_note: str
    """How names and targets were joined."""
    indexes: list[RocmIndex]
    """The indexes, oldest first."""
    chips: list[AmdChip]
    """The gfx target of each chip."""


class XpuIndex(Row):
    """PyTorch's index of XPU wheels."""

    platforms: list[Platform]
    """The platforms that have XPU wheels."""
    first_minor: str
    """The first minor release of torch with XPU wheels."""
    seen: Words
    """Releases whose XPU wheels were seen."""
    validated_hardware_2_12: Words
    """What the documentation of torch 2.12 lists."""
    source: str
    """The short name of the source."""


class XpuFamily(Row):
    """One family of Intel's GPUs."""

    family: str
    """Its name."""
    kind: Literal["discrete", "integrated"]
    """A card, or a part of the processor."""
    ids: list[Range]
    """Ranges of PCI device ids of vendor 8086: the first and the last."""
    systems: list[Literal["linux", "windows"]] = []
    """The systems on which it is supported, where not on all."""
    source: str
    """The short name of the source."""


class Xpu(File):
    """`xpu.toml`: Intel's GPUs that PyTorch's XPU wheels are validated on."""

    index: XpuIndex
    """PyTorch's index of XPU wheels."""
    devices: list[XpuFamily]
    """The families."""
