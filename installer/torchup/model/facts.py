"""Machine facts: what was detected, or what a facts file says (DESIGN section 4.1).

Every field but `os` and `gpus` may be unknown, which is None or an empty tuple.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.quick import dataclass

SCHEMA = 1

System = Literal["linux", "windows", "darwin"]
Vendor = Literal["nvidia", "amd", "intel", "apple"]
ContainerKind = Literal["docker", "podman", "kubernetes", "lxc", "apptainer", "other"]
DriverState = Literal["ok", "missing", "not_loaded", "mismatch", "nouveau", "no_device_nodes", "no_permission", "error"]
KernelModule = Literal["open", "proprietary"]
DriverOrigin = Literal["distribution", "nvidia", "rpmfusion", "runfile"]
ToolkitSource = Literal["path", "env", "ldconfig", "conda", "pip"]
PythonKind = Literal["system", "venv", "conda", "pyenv", "uv"]
CondaKind = Literal["conda", "mamba", "micromamba"]
PrivilegeKind = Literal["root", "sudo", "sudo-password", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingSystem:
    """`id`, `version` and `like` are those of os-release; `arch` is what the kernel calls the machine."""

    system: System
    id: str | None = None
    version: str | None = None
    like: tuple[str, ...] = ()
    arch: str
    kernel: str | None = None
    libc: Literal["glibc", "musl"] | None = None
    libc_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the machine runs inside: WSL, a container, a Jetson board; and Secure Boot."""

    wsl: Literal[0, 1, 2] = 0
    container: ContainerKind | None = None
    jetson: str | None = None
    secure_boot: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One display or 3D controller that matters, whether or not a driver serves it."""

    index: int
    vendor: Vendor
    name: str | None = None
    compute_capability: str | None = None
    gfx: str | None = None
    chip: str | None = None
    pci_id: str | None = None
    pci_address: str | None = None
    memory_mib: int | None = None
    uuid: str | None = None
    mig: Literal["disabled", "enabled"] | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NvidiaDriver:
    """The NVIDIA driver as found; `loaded_version` is the kernel's, `driver_version` the user side's.

    `origin` is where the installed driver comes from, None where that is not known, and `packages` are the system
    packages that it consists of.
    """

    state: DriverState
    driver_version: str | None = None
    cuda_version: str | None = None
    kernel_module: KernelModule | None = None
    loaded_version: str | None = None
    origin: DriverOrigin | None = None
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSource:
    """One entry of APT's list of sources; `signed_by` is its keyring's path, or the key itself."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolkit:
    """A CUDA toolkit on disk; `nvcc` says whether its compiler is there."""

    version: str | None = None
    path: str
    nvcc: bool = False
    source: ToolkitSource = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A C++ compiler on PATH; `default` is the one that nvcc and PyTorch's extensions take by themselves."""

    kind: Literal["gcc", "clang"]
    path: str
    version: str | None = None
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter on the machine."""

    path: str
    version: str
    implementation: str = "cpython"
    bits: Literal[32, 64] = 64
    free_threaded: bool = False
    externally_managed: bool = False
    kind: PythonKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaInstall:
    """A member of the conda family."""

    kind: CondaKind
    path: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchInstall:
    """A torch found by its metadata in an environment, without importing it."""

    python: str
    version: str
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shells:
    """`login` is the account's shell, `current` the one torchup runs in; `files` are start-up files that exist."""

    login: str | None = None
    current: str | None = None
    installed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom the set-up is for, and by which way root can be had."""

    name: str | None = None
    uid: int | None = None
    home: str | None = None
    privilege: PrivilegeKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Free space on disk and total memory, in MiB."""

    home_mib: int | None = None
    tmp_mib: int | None = None
    shm_mib: int | None = None
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something odd or unknown about the machine, and what shows it."""

    code: str
    text: str
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """Everything that was detected about one machine; `compilers` is None where nobody looked."""

    schema: int = SCHEMA
    os: OperatingSystem
    context: Surroundings = field(default_factory=Surroundings)
    gpus: tuple[Gpu, ...]
    nvidia: NvidiaDriver | None = None
    apt_sources: tuple[PackageSource, ...] = ()
    toolkits: tuple[Toolkit, ...] = ()
    compilers: tuple[Compiler, ...] | None = None
    pythons: tuple[Python, ...] = ()
    conda: tuple[CondaInstall, ...] = ()
    torch: tuple[TorchInstall, ...] = ()
    shells: Shells = field(default_factory=Shells)
    user: User = field(default_factory=User)
    space: Space = field(default_factory=Space)
    environment: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
