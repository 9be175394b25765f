"""CUDA toolkits on disk: where they are, which version, and whether the compiler is there."""

from __future__ import annotations

import json
import re

from torchup.detect.conda import record_version
from torchup.detect.host import Host
from torchup.detect.loader import configured_folders
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import Toolkit, ToolkitSource
from torchup.words import tr

_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")
_HEADER = r"(?m)^#define\s+CUDA(?:RT)?_VERSION\s+(\d+)"
_VERSION_TXT = r"CUDA Version (\d+\.\d+)"
_NVCC = r"release (\d+\.\d+)"
_NAMED = r"cuda-(\d+\.\d+)"
_FOLDER = r"cuda(?:-\d+(?:\.\d+)*)?"
_LIBRARY_PART = r"/(?:targets/[^/]+/)?lib(?:64)?(?:/stubs)?$"
_WHEEL_RECORD = r"nvidia_cuda_(?:nvcc|runtime)(?:_cu\d+)?-(\d+\.\d+)[\d.]*\.dist-info"
_CACHED = rb"(/[^\0]{1,200})/libcudart\.so"
_MORE_PLACES = ("/opt/cuda", "/usr/lib/nvidia-cuda-toolkit", "/usr/lib/cuda")
_HPC_SDK = "/opt/nvidia/hpc_sdk"


def read_toolkits(
    host: Host, notes: Notes, environments: tuple[str, ...], sites: tuple[str, ...]
) -> tuple[Toolkit, ...]:
    """Find every CUDA toolkit once, by its real folder, those that variables name first, then the newest.

    `environments` are conda prefixes, `sites` the package folders of the active environment.
    """
    found: dict[str, Toolkit] = {}
    for source, path in [*_named(host, notes), *_placed(host), *_cached(host), *_on_path(host)]:
        real = host.resolve(path)
        if real not in found and (toolkit := _read_toolkit(host, real, source)):
            found[real] = toolkit
    for prefix in environments:
        if (toolkit := _read_conda(host, prefix)) and host.resolve(prefix) not in found:
            found[host.resolve(prefix)] = toolkit
    for site in sites:
        for toolkit in _read_wheels(host, site):
            found.setdefault(toolkit.path, toolkit)
    ranked = sorted(
        found.values(), key=lambda toolkit: [-(whole_number(part) or 0) for part in (toolkit.version or "0").split(".")]
    )
    return tuple(sorted(ranked, key=lambda toolkit: toolkit.source != "env"))


def parse_version_json(text: str) -> str | None:
    """Read the toolkit's version from its version.json."""
    try:
        version = json.loads(text)["cuda"]["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return _short(version) if isinstance(version, str) else None


def parse_version_txt(text: str) -> str | None:
    """Read the toolkit's version from version.txt, which CUDA had up to 11.0."""
    match = re.search(_VERSION_TXT, text)
    return match.group(1) if match else None


def parse_header(text: str) -> str | None:
    """Read CUDA_VERSION of cuda.h or CUDART_VERSION of cuda_runtime_api.h: 12060 is 12.6."""
    match = re.search(_HEADER, text)
    number = whole_number(match.group(1)) if match else None
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def parse_nvcc(text: str) -> str | None:
    """Read the version that `nvcc --version` prints."""
    match = re.search(_NVCC, text)
    return match.group(1) if match else None


def toolkit_root(library_folder: str) -> str:
    """Give the toolkit to which a folder with its libraries belongs."""
    return re.sub(_LIBRARY_PART, "", library_folder.rstrip("/"))


def _read_toolkit(host: Host, root: str, source: ToolkitSource) -> Toolkit | None:
    nvcc = f"{root}/bin/nvcc"
    has_nvcc = host.executable(nvcc) or host.executable(f"{nvcc}.exe")
    # A lone nvcc in /usr/local/bin is somebody's wrapper; a toolkit has headers, nvvm or a version file too.
    marks = ("version.json", "version.txt", "include/cuda.h", "include/cuda_runtime_api.h", "nvvm")
    if not any(host.exists(f"{root}/{mark}") for mark in marks):
        return None
    version = _read_version(host, root)
    if version is None and has_nvcc:
        ran = host.run([nvcc, "--version"])
        version = parse_nvcc(ran.stdout) if ran and ran.ok else None
    if version is None and not has_nvcc:
        return None
    return Toolkit(version=version, path=root, nvcc=has_nvcc, source=source)


def _read_version(host: Host, root: str) -> str | None:
    if version := parse_version_json(host.read_text(f"{root}/version.json") or ""):
        return version
    if version := parse_version_txt(host.read_text(f"{root}/version.txt") or ""):
        return version
    for header in ("cuda.h", "cuda_runtime_api.h"):
        if version := parse_header(host.read_text(f"{root}/include/{header}") or ""):
            return version
    named = re.fullmatch(_NAMED, root.rpartition("/")[2])
    return named.group(1) if named else None


def _named(host: Host, notes: Notes) -> list[tuple[ToolkitSource, str]]:
    places: list[tuple[ToolkitSource, str]] = []
    for variable in _VARIABLES:
        value = host.environ.get(variable, "")
        if not value:
            continue
        if not host.is_dir(value):
            notes.add(
                "cuda-home-missing",
                tr("{variable} names a folder that does not exist.", variable=variable),
                f"{variable}={value}",
            )
        elif _read_toolkit(host, host.resolve(value), "env") is None:
            notes.add(
                "cuda-home-without-toolkit",
                tr("{variable} names a folder without a CUDA toolkit.", variable=variable),
                f"{variable}={value}",
            )
        places.append(("env", value))
    return places


def _placed(host: Host) -> list[tuple[ToolkitSource, str]]:
    folders = [f"/usr/local/{name}" for name in host.names("/usr/local") if re.fullmatch(_FOLDER, name)]
    for platform in host.names(_HPC_SDK):
        for release in host.names(f"{_HPC_SDK}/{platform}"):
            cuda = f"{_HPC_SDK}/{platform}/{release}/cuda"
            folders += [f"{cuda}/{name}" for name in host.names(cuda) if name[:1].isdigit()]
    return [("path", folder) for folder in (*folders, *_MORE_PLACES)]


def _cached(host: Host) -> list[tuple[ToolkitSource, str]]:
    # The loader's cache holds paths as plain strings, whatever its format.
    cache = host.read_bytes("/etc/ld.so.cache") or b""
    cached = [match.decode("utf-8", "replace") for match in re.findall(_CACHED, cache)]
    folders = [folder for folder in (*configured_folders(host), *cached) if "cuda" in folder]
    return [("ldconfig", toolkit_root(folder)) for folder in dict.fromkeys(folders)]


def _on_path(host: Host) -> list[tuple[ToolkitSource, str]]:
    return [
        ("path", host.resolve(f"{folder}/nvcc").rpartition("/bin/")[0])
        for folder in host.search_path()
        if host.executable(f"{folder}/nvcc") and "/bin/" in host.resolve(f"{folder}/nvcc")
    ]


def _read_conda(host: Host, prefix: str) -> Toolkit | None:
    records = host.names(f"{prefix}/conda-meta")
    version = next(
        (
            found
            for name in ("cuda-version", "cuda-nvcc", "cuda-nvcc-tools", "cudatoolkit", "cuda-toolkit")
            if (found := record_version(records, name))
        ),
        None,
    )
    nvcc = host.executable(f"{prefix}/bin/nvcc")
    compiler = nvcc or record_version(records, "cudatoolkit") or record_version(records, "cuda-toolkit")
    return Toolkit(version=_short(version), path=prefix, nvcc=nvcc, source="conda") if version and compiler else None


def _read_wheels(host: Host, site: str) -> list[Toolkit]:
    versions = [match.group(1) for name in host.names(site) if (match := re.fullmatch(_WHEEL_RECORD, name))]
    if not versions:
        return []
    folders = [name for name in host.names(f"{site}/nvidia") if re.fullmatch(r"cu\d+|cuda_nvcc", name)]
    roots = [f"{site}/nvidia/{name}" for name in folders]
    return [
        Toolkit(version=versions[0], path=root, nvcc=host.executable(f"{root}/bin/nvcc"), source="pip")
        for root in roots
        if host.is_dir(f"{root}/bin")
    ]


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])
