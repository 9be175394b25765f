"""Whether nvcc accepts the machine's C++ compiler, and what to do where it does not."""

from __future__ import annotations

from torchup.knowledge.host_compilers import CompilerLimits, compiler_limits
from torchup.model.facts import Compiler, OperatingSystem
from torchup.model.resolution import Reason
from torchup.resolve.refusal import listed
from torchup.words import tr

Release = tuple[int, int]


def compiler_warnings(version: str | None, compilers: tuple[Compiler, ...] | None, os: OperatingSystem) -> list[Reason]:
    """Hold the compilers on PATH against the limits of this CUDA release; nothing is said where one is unknown."""
    release = _release(version)
    if compilers is None or release is None or os.system != "linux":
        return []
    if not compilers:
        text = tr(
            "nvcc needs a C++ compiler for the host's part of a program, and none is on PATH: {install}.",
            install=_install(os, "g++"),
        )
        return [Reason(code="host-compiler-missing", text=text)]
    default = next((compiler for compiler in compilers if compiler.default), None)
    if default is None:
        names = listed([compiler.path for compiler in compilers])
        text = tr("nvcc looks for g++, which is not on PATH; {names} has another name.", names=names)
        return [Reason(code="host-compiler-missing", text=f"{text} {_fix(release, compilers, os)}")]
    limits = compiler_limits(release, default.kind)
    major = _major(default)
    if limits is None or major is None or limits.oldest <= major <= limits.newest:
        return []
    text = tr(
        "nvcc of CUDA {version} accepts {kind} {oldest} to {newest}, and {path} is {kind} {found}.",
        version=version,
        kind=default.kind,
        oldest=limits.oldest,
        newest=limits.newest,
        path=default.path,
        found=default.version,
    )
    return [Reason(code="host-compiler-refused", text=f"{text} {_fix(release, compilers, os)}")]


def _fix(release: Release, compilers: tuple[Compiler, ...], os: OperatingSystem) -> str:
    fitting = [found for found in compilers if not found.default and _fits(found, release)]
    if fitting:
        best = max(fitting, key=lambda found: (found.kind == "gcc", _major(found) or 0))
        return _use(best.path)
    limits = compiler_limits(release, "gcc")
    if limits is None:
        return ""
    install = _install(os, f"g++-{limits.newest}")
    return tr(
        "{install}, then: {use}",
        install=install[:1].upper() + install[1:],
        use=_use(f"/usr/bin/g++-{limits.newest}"),
    )


def _use(path: str) -> str:
    return tr(
        "Have nvcc use {path}: export NVCC_CCBIN={path} (before CUDA 12.4: NVCC_PREPEND_FLAGS='-ccbin {path}'), and CXX={path} for PyTorch's extensions.",
        path=path,
    )


def _install(os: OperatingSystem, package: str) -> str:
    family = {os.id or "", *os.like}
    if family & {"debian", "ubuntu"}:
        return tr("install it with `sudo apt-get install {package}`", package=package)
    if family & {"fedora", "rhel", "centos", "amzn"}:
        number = package.rpartition("-")[2] if "-" in package else ""
        name = f"gcc-toolset-{number}-gcc-c++" if number and "rhel" in family else "gcc-c++"
        return tr("install it with `sudo dnf install {name}`", name=name)
    if family & {"suse", "opensuse", "sles"}:
        return tr(
            "install it with `sudo zypper install {package}`",
            package="gcc-c++" if package == "g++" else package.replace("g++-", "gcc") + "-c++",
        )
    if "arch" in family:
        return tr(
            "install it with `sudo pacman -S {package}`",
            package="gcc" if package == "g++" else package.replace("g++-", "gcc"),
        )
    return tr("install {package}", package=package)


def _fits(compiler: Compiler, release: Release) -> bool:
    limits: CompilerLimits | None = compiler_limits(release, compiler.kind)
    major = _major(compiler)
    return limits is not None and major is not None and limits.oldest <= major <= limits.newest


def _major(compiler: Compiler) -> int | None:
    first = (compiler.version or "").partition(".")[0]
    return int(first) if first.isdecimal() else None


def _release(version: str | None) -> Release | None:
    parts = (version or "").split(".")[:2]
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdecimal, parts)) else None  # noqa: PLR2004
