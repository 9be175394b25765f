"""Members of the conda family and the environments they know."""

from __future__ import annotations

import re

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.model.facts import CondaInstall, CondaKind
from torchup.words import tr

_BASES = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "miniconda", "anaconda", "conda")
_KINDS: tuple[CondaKind, ...] = ("conda", "mamba", "micromamba")
_VERSION = r"\d+(?:\.\d+)+"


def read_conda(host: Host, notes: Notes) -> tuple[CondaInstall, ...]:
    """Find conda, mamba and micromamba by their variables, on PATH and in the usual places."""
    found: dict[str, CondaInstall] = {}
    for kind, path in _programs(host):
        real = host.resolve(path)
        if real in found or not host.executable(path):
            continue
        version = _read_version(host, kind, path)
        if version is None:
            notes.add("conda-version-unknown", tr("The version of {kind} is unknown.", kind=kind), path)
        found[real] = CondaInstall(kind=kind, path=path, version=version)
    return tuple(found.values())


def conda_environments(host: Host, installs: tuple[CondaInstall, ...]) -> tuple[str, ...]:
    """List the prefixes of all conda environments: the bases, their `envs`, and the registered ones."""
    bases = _bases(host, installs)
    registered = (host.read_text(f"{host.home}/.conda/environments.txt") or "").splitlines()
    stores = [*(f"{base}/envs" for base in bases), f"{host.home}/.conda/envs"]
    prefixes = [
        *bases,
        *(f"{store}/{name}" for store in stores for name in host.names(store)),
        *map(str.strip, registered),
    ]
    return tuple(dict.fromkeys(prefix for prefix in prefixes if prefix and host.is_dir(f"{prefix}/conda-meta")))


def record_version(names: tuple[str, ...], package: str) -> str | None:
    """Find a package's version among the records of conda-meta, `<name>-<version>-<build>.json`."""
    for name in names:
        parts = name.removesuffix(".json").rsplit("-", 2)
        if name.endswith(".json") and len(parts) == 3 and parts[0] == package:  # noqa: PLR2004 - name, version, build
            return parts[1]
    return None


def _bases(host: Host, installs: tuple[CondaInstall, ...]) -> list[str]:
    roots = [host.environ.get("MAMBA_ROOT_PREFIX", ""), f"{host.home}/micromamba", f"{host.home}/.local/share/mamba"]
    return list(
        dict.fromkeys([*(_base(install.path) for install in installs), *(root.rstrip("/") for root in roots if root)])
    )


def _base(program: str) -> str:
    """Give the prefix of .../bin/conda, of .../condabin/conda and of .../Scripts/conda.exe."""
    return re.sub(r"[/\\][^/\\]*[/\\][^/\\]*$", "", program)


def _programs(host: Host) -> list[tuple[CondaKind, str]]:
    programs: list[tuple[CondaKind, str]] = []
    for variable in ("CONDA_EXE", "MAMBA_EXE"):
        path = host.environ.get(variable, "")
        name = path.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
        programs += [(kind, path) for kind in _KINDS if name == kind and path != name]
    programs += [(kind, found) for kind in _KINDS if (found := host.which(kind))]
    if host.system == "windows":
        return [
            *programs,
            *((kind, f"{host.home}/{base}/Scripts/{kind}.exe") for base in _BASES for kind in _KINDS[:2]),
        ]
    folders = [f"{root}/{base}/bin" for root in (host.home, "/opt", "/usr/local", "/root") for base in _BASES]
    programs += [(kind, f"{folder}/{kind}") for folder in dict.fromkeys(folders) for kind in _KINDS[:2]]
    programs.append(("micromamba", f"{host.home}/.local/bin/micromamba"))
    return programs


def _read_version(host: Host, kind: CondaKind, path: str) -> str | None:
    records = host.names(f"{_base(path)}/conda-meta")
    if version := record_version(records, kind):
        return version
    ran = host.run([path, "--version"])
    match = re.search(_VERSION, ran.stdout) if ran and ran.ok else None
    return match.group() if match else None
