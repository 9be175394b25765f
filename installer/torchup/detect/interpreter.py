"""Tell what a Python interpreter is from the files around it, without starting it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from torchup.detect.host import Host
from torchup.model.facts import Python, PythonKind

_EXECUTABLE = r"(python|pypy)3\.(\d+)(t?)(?:\.exe)?"
_PATCHLEVEL = r'(?m)^#define\s+PY_VERSION\s+"(3\.[0-9a-z.]+)\+?"'
_CONDA_RECORD = r"python-(3\.\d+\.\d+\w*)-[^-]+\.json"
_LARGEST_BINARY = 64 * 1024 * 1024
_ELF_CLASS = 4
_LIBRARY_FOLDERS = ("lib", "lib64", "lib32")


class Interpreter(NamedTuple):
    """An interpreter with the folders that matter: its prefix, its standard library and its packages."""

    python: Python
    prefix: str
    stdlib: str | None = None


class Homes(NamedTuple):
    """The folders below which version managers keep their interpreters, links followed."""

    pyenv: str
    uv: str


def read_interpreter(host: Host, path: str, homes: Homes) -> Interpreter | None:
    """Describe the interpreter at `path`, None when its files do not tell and it has to be asked."""
    environment = path.rpartition("/")[0].rpartition("/")[0]
    real = host.resolve(path)
    match = re.fullmatch(_EXECUTABLE, real.rpartition("/")[2])
    if match is None:
        return None
    settings = parse_pyvenv(host.read_text(f"{environment}/pyvenv.cfg") or "")
    prefix = real.rpartition("/")[0].rpartition("/")[0]
    implementation, minor, suffix = match.groups()
    stdlib = _find_stdlib(host, prefix, implementation, minor, suffix)
    if stdlib is None:
        return None
    threaded = stdlib.endswith("t")
    version = settings.get("version") or _read_version(
        host, prefix, real, implementation, f"3.{minor}", threaded=threaded
    )
    if version is None:
        return None
    found = Python(
        path=path,
        version=version,
        implementation="pypy" if implementation == "pypy" else "cpython",
        bits=elf_bits(host.read_bytes(real, limit=_ELF_CLASS + 1) or b""),
        free_threaded=threaded,
        externally_managed=not settings and host.is_file(f"{stdlib}/EXTERNALLY-MANAGED"),
        kind=interpreter_kind(host, environment if settings else prefix, homes, environment=bool(settings)),
    )
    return Interpreter(python=found, prefix=environment if settings else prefix, stdlib=stdlib)


def interpreter_kind(host: Host, prefix: str, homes: Homes, *, environment: bool) -> PythonKind:
    """Tell who manages the interpreter of a prefix."""
    if environment:
        return "venv"
    if host.is_dir(f"{prefix}/conda-meta"):
        return "conda"
    if prefix.startswith(f"{homes.pyenv}/"):
        return "pyenv"
    return "uv" if prefix.startswith(f"{homes.uv}/") else "system"


def parse_pyvenv(text: str) -> dict[str, str]:
    """Parse pyvenv.cfg; its version is given as `version` whichever tool wrote the file.

    The standard library writes `version`, virtualenv and uv write `version_info`, with a release level.
    """
    pairs = (line.partition("=") for line in text.splitlines())
    values = {key.strip().lower(): value.strip() for key, separator, value in pairs if separator}
    version = values.get("version_info") or values.get("version")
    if version:
        values["version"] = ".".join(version.split(".")[:3])
    return values


def parse_patchlevel(text: str) -> str | None:
    """Find the version in patchlevel.h, CPython's or PyPy's."""
    match = re.search(_PATCHLEVEL, text)
    return match.group(1) if match else None


def find_embedded_version(content: bytes, minor_version: str) -> str | None:
    """Find the full version string that CPython keeps in its executable or shared library."""
    start = 0
    prefix = f"\0{minor_version}.".encode()
    while (start := content.find(prefix, start)) >= 0:
        end = content.find(b"\0", start + 1)
        text = content[start + 1 : end]
        if re.fullmatch(rb"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?\+?", text):
            return text.decode().rstrip("+")
        start += 1
    return None


def elf_bits(header: bytes) -> Literal[32, 64]:
    """Read the class of an ELF file; what is not ELF (macOS, Windows) counts as 64 bits."""
    return 32 if header[:4] == b"\x7fELF" and len(header) > _ELF_CLASS and header[_ELF_CLASS] == 1 else 64


def site_folders(interpreter: Interpreter) -> tuple[str, ...]:
    """List the folders in which packages for an interpreter may lie."""
    if interpreter.stdlib is None:
        return ()
    name = interpreter.stdlib.rpartition("/")[2]
    prefix = interpreter.prefix
    folders = [f"{prefix}/{library}/{name}/site-packages" for library in _LIBRARY_FOLDERS[:2]]
    if interpreter.python.kind == "system":
        folders += [
            f"{prefix}/lib/python3/dist-packages",
            f"/usr/local/lib/{name}/dist-packages",
            f"/usr/local/lib/{name}/site-packages",
        ]
    return tuple(folders)


def _find_stdlib(host: Host, prefix: str, implementation: str, minor: str, suffix: str) -> str | None:
    # A free-threaded build may be started by a name without its `t`; its library never lacks it.
    for name in dict.fromkeys((f"{implementation}3.{minor}{suffix}", f"{implementation}3.{minor}t")):
        for library in _LIBRARY_FOLDERS:
            folder = f"{prefix}/{library}/{name}"
            if host.is_file(f"{folder}/os.py"):
                return folder
    return None


def _read_version(
    host: Host, prefix: str, real: str, implementation: str, minor_version: str, *, threaded: bool
) -> str | None:
    name = f"{implementation}{minor_version}{'t' if threaded else ''}"
    for folder in (name, f"{name}m"):  # CPython up to 3.7 had the m of its ABI in the folder's name
        if version := parse_patchlevel(host.read_text(f"{prefix}/include/{folder}/patchlevel.h") or ""):
            return version
    for record in host.names(f"{prefix}/conda-meta"):
        if match := re.fullmatch(_CONDA_RECORD, record):
            return match.group(1)
    if implementation == "pypy":
        return None
    libraries = (f"{prefix}/{library}/lib{name}.so.1.0" for library in _LIBRARY_FOLDERS)
    for path in (real, *libraries):
        if version := find_embedded_version(host.read_bytes(path, limit=_LARGEST_BINARY) or b"", minor_version):
            return version
    return None
