"""The layer of the toolchain: what compiling extensions and torch.compile need. Nothing of it stops torch itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from torchup.knowledge.variants import parse_variant
from torchup.model.diagnosis import Found
from torchup.model.facts import Toolkit
from torchup.verify.causes import cause_of_finding
from torchup.verify.doctor.engine import Look
from torchup.verify.doctor.packages import setuptools_cause
from torchup.verify.doctor.subject import Subject
from torchup.words import tr

# The first gcc major that each CUDA no longer takes: torch/utils/cpp_extension.py, CUDA_GCC_VERSIONS (2.13).
GCC_BOUNDS = (((12, 0), 13), ((12, 3), 14), ((12, 8), 15), ((13, 0), 16))
_NETWORK = re.compile(r"nfs\d?|lustre|9p|cifs|smb3|fuse\.sshfs")
_LISTED = re.compile(r"^\s*libcuda\.so \(", re.MULTILINE)


def look_at_toolchain(subject: Subject) -> Look:
    """Judge compiler, headers, toolkit and the folders that compiled code goes to."""
    if subject.interpreter is None:
        return Look(seen=tr("no environment to look into"), skipped=True)
    toolkit = chosen_toolkit(subject)
    found = [*_toolkit_causes(subject, toolkit), *_python_causes(subject), *_folder_causes(subject)]
    if subject.packages and subject.packages.get("triton"):
        found += _libcuda_causes(subject)
    seen = (
        tr("CUDA toolkit {version} at {path}", version=toolkit.version, path=toolkit.path)
        if toolkit
        else tr("no CUDA toolkit (torch needs none)")
    )
    return Look(seen=seen, found=tuple(found))


def chosen_toolkit(subject: Subject) -> Toolkit | None:
    """Give the toolkit that torch's extension builder would take: CUDA_HOME, else the nvcc on PATH, else /usr/local/cuda."""
    with_nvcc = [toolkit for toolkit in subject.facts.toolkits if toolkit.nvcc]
    home = subject.environ.get("CUDA_HOME") or subject.environ.get("CUDA_PATH")
    nvcc = subject.host.which("nvcc")
    places = [home, nvcc and subject.host.resolve(nvcc).rpartition("/bin/")[0], "/usr/local/cuda"]
    for place in filter(None, places):
        real = subject.host.resolve(place)
        found = next((toolkit for toolkit in with_nvcc if subject.host.resolve(toolkit.path) == real), None)
        if found is not None:
            return found
    return None


def gcc_bound(cuda: tuple[int, int]) -> int | None:
    """Give the first gcc major that is too new for a CUDA release; None for one before 12.0 or an unknown major."""
    fitting = [bound for first, bound in GCC_BOUNDS if first <= cuda and first[0] == cuda[0]]
    return fitting[-1] if fitting else None


def _toolkit_causes(subject: Subject, toolkit: Toolkit | None) -> Iterator[Found]:
    for finding in subject.facts.findings:
        if cause_of_finding(finding.code) == "nvcc-cuda-mismatch":
            yield Found(cause="nvcc-cuda-mismatch", evidence=(f"{finding.text} ({finding.evidence})",), severity="warn")
    if toolkit is None or toolkit.version is None:
        return
    numbers = tuple(int(part) for part in re.findall(r"\d+", toolkit.version)[:2])
    if len(numbers) != 2:  # noqa: PLR2004 - major and minor
        return
    cuda = (numbers[0], numbers[1])
    built = _cuda_of(subject)
    if built is not None and built[0] != cuda[0]:
        text = tr(
            "torch is built for CUDA {cuda}, nvcc in {path} is {version}",
            cuda=f"{built[0]}.{built[1]}",
            path=toolkit.path,
            version=toolkit.version,
        )
        yield Found(cause="nvcc-cuda-mismatch", evidence=(text,))
    bound = gcc_bound(cuda)
    compiler = subject.environ.get("CXX") or "g++"
    path = subject.host.which(compiler.split()[0]) if compiler.split() else None
    if bound is None or path is None:
        return
    ran = subject.ask((path, "-dumpfullversion", "-dumpversion"), subject.environ, 10.0)
    major = re.match(r"\d+", ran.stdout.strip())
    if major and int(major.group()) >= bound:
        text = tr(
            "{path} is {version}, CUDA {cuda} takes gcc before {bound}",
            path=path,
            version=ran.stdout.strip(),
            cuda=toolkit.version,
            bound=bound,
        )
        yield Found(cause="gcc-too-new-for-nvcc", evidence=(text,))


def _cuda_of(subject: Subject) -> tuple[int, int] | None:
    try:
        return parse_variant(subject.variant).cuda if subject.variant else None
    except ValueError:
        return None


def _python_causes(subject: Subject) -> Iterator[Found]:
    python, packages = subject.interpreter, subject.packages
    # Only what compiles at run time needs the headers: triton on a GPU, and extensions.
    if (
        python
        and packages
        and packages.get("triton")
        and python.include
        and not subject.host.is_file(f"{python.include}/Python.h")
    ):
        yield Found(
            cause="python-h-missing",
            evidence=(tr("{folder}/Python.h is not there", folder=python.include),),
            severity="warn",
        )
    if packages and (found := setuptools_cause(packages)):
        yield found
    is_windows = subject.facts.os.system == "windows"
    if is_windows and packages and packages.get("torch") and not packages.get("triton-windows"):
        yield Found(cause="windows-triton-missing", evidence=(tr("no triton-windows is installed"),), severity="warn")


def _folder_causes(subject: Subject) -> Iterator[Found]:
    host = subject.host
    folder = subject.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - looked at, never written to
    if host.live and is_noexec(folder):
        yield Found(cause="tmp-noexec", evidence=(tr("{folder} is mounted noexec", folder=folder),))
    caches = (
        subject.environ.get("TRITON_CACHE_DIR") or f"{host.home}/.triton",
        subject.environ.get("TORCH_EXTENSIONS_DIR") or f"{host.home}/.cache/torch_extensions",
    )
    mounts = host.read_text("/proc/mounts", quiet=True) or ""
    for cache in caches:
        if not host.is_dir(cache):
            continue
        if host.live and not os.access(cache, os.W_OK | os.X_OK):
            yield Found(
                cause="jit-cache-not-writable", evidence=(tr("{path} may not be written by this user", path=cache),)
            )
        elif kind := network_file_system(mounts, host.resolve(cache)):
            text = tr("{path} lies on {kind}", path=cache, kind=kind)
            yield Found(cause="jit-cache-not-writable", evidence=(text,), severity="warn")


def _libcuda_causes(subject: Subject) -> Iterator[Found]:
    if not subject.has_nvidia or subject.environ.get("TRITON_LIBCUDA_PATH"):
        return
    ldconfig = next((path for path in ("/sbin/ldconfig", "/usr/sbin/ldconfig") if subject.host.is_file(path)), None)
    if ldconfig is None:
        return
    ran = subject.ask((ldconfig, "-p"), subject.environ, 10.0)
    if ran.ok and "libcuda.so.1" not in ran.stdout and not _LISTED.search(ran.stdout):
        yield Found(
            cause="triton-libcuda-not-found", evidence=(tr("ldconfig -p lists no libcuda.so"),), severity="warn"
        )


def is_noexec(folder: str) -> bool:
    """Tell whether programs may not be run from a folder; False where it cannot be asked."""
    try:
        return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 8))
    except (OSError, AttributeError):
        return False


def network_file_system(mounts: str, path: str) -> str | None:
    """Name the network file system that a path lies on, from the text of /proc/mounts; None for a local one."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004 - device, place, kind
            continue
        place = fields[1].replace("\\040", " ").rstrip("/")
        if (path == place or path.startswith(f"{place}/")) and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind if _NETWORK.fullmatch(kind) else None
