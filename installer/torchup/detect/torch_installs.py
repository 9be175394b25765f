"""PyTorch that is installed already, told by its files and never imported."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchup.detect.host import Host
from torchup.detect.interpreter import Interpreter, site_folders
from torchup.detect.notes import Notes
from torchup.model.facts import TorchInstall
from torchup.words import tr

_DIST_INFO = r"torch-(\d[^-]*)\.dist-info"
_VERSION = r"(?m)^Version:\s*(\S+)"
_BACKEND = r"(?m)^(cuda|hip|xpu)\b[^=]*=\s*['\"]([^'\"]+)['\"]"
_VARIANT = r"(?:cpu|cu\d+|rocm[\d.]+|xpu)"
_CONDA_BUILD = r"(?:pytorch|libtorch)-[^-]+-(?P<build>[^-]+)\.json"
_CONDA_CUDA = r"cuda_?(\d+)\.?(\d)"
_PYTHON_FOLDER = r"(?:python|pypy)3\.\d+t?"


def read_torch(
    host: Host, notes: Notes, interpreters: Iterable[Interpreter], extra: Iterable[str]
) -> tuple[TorchInstall, ...]:
    """Find torch in the packages of all interpreters, and in the environments at the prefixes `extra`."""
    places: dict[str, str] = {}
    for interpreter in interpreters:
        for folder in (*site_folders(interpreter), *_user_site(host, interpreter)):
            places.setdefault(host.resolve(folder), interpreter.python.path)
    for prefix in extra:
        for folder in environment_sites(host, prefix):
            places.setdefault(
                host.resolve(folder), f"{prefix}/{'Scripts/python.exe' if host.system == 'windows' else 'bin/python'}"
            )
    installs = [install for folder, python in places.items() for install in _read_folder(host, notes, folder, python)]
    return tuple(installs)


def environment_sites(host: Host, prefix: str) -> tuple[str, ...]:
    """List the package folders of an environment, whatever its Python version is."""
    if host.system == "windows":
        return (f"{prefix}/Lib/site-packages",) if host.is_dir(f"{prefix}/Lib/site-packages") else ()
    libraries = [f"{prefix}/{library}" for library in ("lib", "lib64")]
    folders = [
        f"{library}/{name}/site-packages"
        for library in libraries
        for name in host.names(library)
        if re.fullmatch(_PYTHON_FOLDER, name)
    ]
    return tuple(folder for folder in folders if host.is_dir(folder))


def usual_environments(host: Host, cwd: str) -> tuple[str, ...]:
    """List the virtual environments in the places where people keep them."""
    stores = (f"{host.home}/.venvs", f"{host.home}/.virtualenvs", f"{host.home}/venvs")
    prefixes = [f"{store}/{name}" for store in stores for name in host.names(store)]
    prefixes += [f"{cwd}/{name}" for name in (".venv", "venv")]
    return tuple(dict.fromkeys(prefix for prefix in prefixes if host.is_file(f"{prefix}/pyvenv.cfg")))


def parse_metadata(text: str) -> str | None:
    """Read the version from a package's METADATA; only its header counts."""
    match = re.search(_VERSION, text.partition("\n\n")[0])
    return match.group(1) if match else None


def parse_backend(text: str) -> str | None:
    """Read the build flavour from the text of torch/version.py, which names its CUDA, ROCm or XPU."""
    backends = {match.group(1): match.group(2) for match in re.finditer(_BACKEND, text)}
    if "cuda" in backends:
        return f"cu{backends['cuda'].replace('.', '')}"
    if "hip" in backends:
        return f"rocm{'.'.join(backends['hip'].split('.')[:2])}"
    if "xpu" in backends:
        return "xpu"
    return "cpu" if re.search(r"^cuda\b[^=]*=\s*None", text, re.MULTILINE) else None


def parse_conda_build(name: str) -> str | None:
    """Read the build flavour from a conda record's name, `pytorch-2.6.0-cpu_generic_py312_0.json`."""
    match = re.fullmatch(_CONDA_BUILD, name)
    if match is None:
        return None
    build = match["build"]
    if build.startswith("cpu") or "_cpu" in build:
        return "cpu"
    cuda = re.search(_CONDA_CUDA, build)
    return f"cu{cuda.group(1)}{cuda.group(2)}" if cuda else None


def _read_folder(host: Host, notes: Notes, folder: str, python: str) -> list[TorchInstall]:
    names = [name for name in host.names(folder) if re.fullmatch(_DIST_INFO, name)]
    if len(names) > 1:
        notes.add(
            "torch-twice",
            tr("An environment has the metadata of two versions of torch."),
            f"{folder}: {', '.join(names)}",
        )
    installs: list[TorchInstall] = []
    for name in names:
        version = parse_metadata(host.read_text(f"{folder}/{name}/METADATA") or "")
        if version is None:
            notes.add(
                "torch-metadata-broken", tr("The metadata of an installed torch cannot be read."), f"{folder}/{name}"
            )
            continue
        label = version.partition("+")[2]
        variant = (
            label
            if re.fullmatch(_VARIANT, label)
            else parse_backend(host.read_text(f"{folder}/torch/version.py") or "")
        )
        installs.append(TorchInstall(python=python, version=version, variant=variant or _conda_variant(host, folder)))
    return installs


def _conda_variant(host: Host, folder: str) -> str | None:
    prefix = folder.rpartition("/lib/")[0]
    variants = (parse_conda_build(name) for name in host.names(f"{prefix}/conda-meta"))
    return next((variant for variant in variants if variant), None)


def _user_site(host: Host, interpreter: Interpreter) -> tuple[str, ...]:
    if interpreter.stdlib is None or interpreter.python.kind == "venv":
        return ()
    return (f"{host.home}/.local/lib/{interpreter.stdlib.rpartition('/')[2]}/site-packages",)
