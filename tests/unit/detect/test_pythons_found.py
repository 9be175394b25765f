"""Pythons are found and told from their files; only those that stay silent are started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.trees import lay_out
from torchup.detect.host import Host
from torchup.detect.interpreter import elf_bits, find_embedded_version, parse_patchlevel, parse_pyvenv
from torchup.detect.pythons import parse_answer, read_pythons
from torchup.model.facts import Python

ELF64 = "7f454c4602010100"
ELF32 = "7f454c4601010100"


def binary(path: Path, header: str = ELF64, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes.fromhex(header) + b"\0" + text.encode() + b"\0")
    path.chmod(0o755)


def patchlevel(version: str) -> str:
    return f'/* Version */\n#define PY_MAJOR_VERSION 3\n#define PY_VERSION      \t"{version}"\n'


def python_at(root: Path, prefix: str, minor: str, version: str, *, header: str = ELF64, **files: Any) -> None:
    """Lay out an interpreter as `make install` does."""
    name = f"python{minor}"
    lay_out(
        root,
        {
            f"{prefix}/lib/{name}/os.py": "",
            f"{prefix}/include/{name}/patchlevel.h": patchlevel(version),
            f"{prefix}/bin/python3": {"link": name},
            f"{prefix}/bin/python": {"link": name},
            **files,
        },
    )
    binary(root / prefix.lstrip("/") / "bin" / name, header)


def found(host: Host, environments: tuple[str, ...] = ()) -> list[Python]:
    return [interpreter.python for interpreter in read_pythons(host, host.notes, environments)]


def test_a_debian_python_without_headers_is_read_from_its_binary(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(
        tmp_path,
        {
            "/usr/lib/python3.11/os.py": "",
            "/usr/lib/python3.11/EXTERNALLY-MANAGED": "[externally-managed]\n",
            "/usr/bin/python3": {"link": "python3.11"},
            "/bin": {"link": "usr/bin"},
        },
    )
    binary(tmp_path / "usr/bin/python3.11", text="3.11\x003.11.%d\x003.11.2\x00(main")
    host = host_at(environ={"PATH": "/usr/bin:/bin"})

    assert found(host) == [
        Python(path="/usr/bin/python3.11", version="3.11.2", externally_managed=True, kind="system", bits=64)
    ]


def test_every_place_once(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    python_at(tmp_path, "/usr", "3.12", "3.12.3")
    python_at(tmp_path, "/home/user/.pyenv/versions/3.10.13", "3.10", "3.10.13")
    python_at(tmp_path, "/home/user/.pyenv/versions/3.13.0t", "3.13t", "3.13.0")
    python_at(tmp_path, "/home/user/.local/share/uv/python/cpython-3.14.0rc2-linux-x86_64-gnu", "3.14", "3.14.0rc2")
    python_at(tmp_path, "/opt/conda", "3.9", "3.9.18")
    lay_out(
        tmp_path,
        {
            "/opt/conda/conda-meta/python-3.9.18-h123_0.json": "{}",
            "/home/user/.pyenv/versions/2.7.18/bin/python": {"link": "python2.7"},
            "/home/user/.pyenv/versions/current": {"link": "3.10.13"},
        },
    )
    binary(tmp_path / "home/user/.pyenv/versions/2.7.18/bin/python2.7")
    host = host_at(environ={"PATH": "/usr/bin:/usr/local/bin"})

    assert [(python.version, python.kind, python.free_threaded) for python in found(host, ("/opt/conda",))] == [
        ("3.12.3", "system", False),
        ("3.10.13", "pyenv", False),
        ("3.13.0", "pyenv", True),
        ("3.14.0rc2", "uv", False),
        ("3.9.18", "conda", False),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        "home = /usr/bin\nversion = 3.12.3\n",
        "home = /usr/bin\nimplementation = CPython\nuv = 0.9.0\nversion_info = 3.12.3\n",
        "home=/usr/bin\nversion_info=3.12.3.final.0\nversion=3.12\n",
    ],
    ids=["venv", "uv", "virtualenv"],
)
def test_the_active_environment_comes_first(tmp_path: Path, host_at: Callable[..., Host], settings: str) -> None:
    managed = {"/usr/lib/python3.12/EXTERNALLY-MANAGED": ""}
    python_at(tmp_path, "/usr", "3.12", "3.12.9", **managed)
    lay_out(
        tmp_path,
        {"/home/user/env/pyvenv.cfg": settings, "/home/user/env/bin/python": {"link": "/usr/bin/python3.12"}},
    )
    host = host_at(environ={"PATH": "/home/user/env/bin:/usr/bin", "VIRTUAL_ENV": "/home/user/env"})

    pythons = found(host)
    assert pythons[0] == Python(path="/home/user/env/bin/python", version="3.12.3", kind="venv")
    assert [(python.path, python.externally_managed) for python in pythons[1:]] == [("/usr/bin/python3.12", True)]


def test_a_32_bit_interpreter(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    python_at(tmp_path, "/usr", "3.11", "3.11.2", header=ELF32)

    assert found(host_at())[0].bits == 32


def test_a_free_threaded_build_that_is_started_without_its_letter(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(tmp_path, {"/usr/lib/python3.14t/os.py": "", "/usr/include/python3.14t/patchlevel.h": patchlevel("3.14.1")})
    binary(tmp_path / "usr/bin/python3.14")

    assert [(python.version, python.free_threaded) for python in found(host_at())] == [("3.14.1", True)]


def test_pypy(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    header = '#define PY_VERSION              "3.10.14"\n#define PYPY_VERSION "7.3.17"\n'
    lay_out(tmp_path, {"/opt/pypy/lib/pypy3.10/os.py": "", "/opt/pypy/include/pypy3.10/patchlevel.h": header})
    binary(tmp_path / "opt/pypy/bin/pypy3.10")

    pythons = found(host_at(environ={"PATH": "/opt/pypy/bin"}))
    assert [(python.implementation, python.version) for python in pythons] == [("pypy", "3.10.14")]


def test_shims_are_passed_over_and_silent_interpreters_are_asked(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    answer = "3.12.7\\ncpython\\n64\\n0\\n/opt/odd\\n/opt/odd/lib/python3.12\\n"
    lay_out(
        tmp_path,
        {
            "/home/user/.pyenv/shims/python3": {"run": "#!/bin/sh\nexit 99\n"},
            "/opt/manager/bin/python3": {"run": "#!/bin/sh\necho 'no version is set' >&2\nexit 127\n"},
            "/opt/odd/bin/python3": {"run": f"#!/bin/sh\nprintf '{answer}'\n"},
            "/opt/odd/lib/python3.12/EXTERNALLY-MANAGED": "",
            "/opt/broken/bin/python3": {"run": "#!/bin/sh\necho 'cannot open shared object file' >&2\nexit 1\n"},
            "/opt/hanging/bin/python3": {"run": "#!/bin/sh\nsleep 60\n"},
        },
    )
    folders = ("/home/user/.pyenv/shims", "/opt/manager/bin", "/opt/odd/bin", "/opt/broken/bin", "/opt/hanging/bin")
    host = host_at(environ={"PATH": ":".join((*folders, "/usr/bin", "/bin"))}, live=True)

    assert found(host) == [
        Python(path="/opt/odd/bin/python3", version="3.12.7", kind="system", externally_managed=True)
    ]
    noted = {finding.text.split()[2]: finding.evidence for finding in host.notes.findings()}
    assert set(noted) == {"/opt/broken/bin/python3", "/opt/hanging/bin/python3"}
    assert "cannot open shared object file" in str(noted["/opt/broken/bin/python3"])
    assert "did not finish within 2 s" in str(noted["/opt/hanging/bin/python3"])


def test_the_running_interpreter_is_described_as_it_describes_itself(host_at: Callable[..., Host]) -> None:
    base = Path(sys.base_prefix)
    executable = base / "bin" / f"python3.{sys.version_info.minor}"
    host = host_at(Path("/"), environ={"PATH": str(executable.parent)}, live=True)

    python = next(python for python in found(host) if Path(python.path).resolve() == executable.resolve())
    said = subprocess.check_output([executable, "-c", "import platform; print(platform.python_version())"], text=True)
    assert python.version == said.strip()
    assert python.bits == (64 if sys.maxsize > 2**32 else 32)


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"x\x003.12.4\x00y", "3.12.4"),
        (b"\x003.12.\x00\x003.12.0rc3+\x00", "3.12.0rc3"),
        (b"\x003.120.4\x00", None),
        (b"\x003.12.4 (main)\x00", None),
        (b"\x003.12.4", None),
        (b"", None),
    ],
)
def test_find_embedded_version(content: bytes, version: str | None) -> None:
    assert find_embedded_version(content, "3.12") == version


@pytest.mark.parametrize(
    ("text", "version"),
    [(patchlevel("3.13.0rc2"), "3.13.0rc2"), (patchlevel("3.11.2+"), "3.11.2"), ("#define PY_VERSION", None)],
)
def test_parse_patchlevel(text: str, version: str | None) -> None:
    assert parse_patchlevel(text) == version


def test_parse_pyvenv_without_a_version() -> None:
    assert "version" not in parse_pyvenv("home = /usr/bin\n")


@pytest.mark.parametrize("text", ["", "2.7.18\ncpython\n64\n0\n/\n/\n", "3.12.1\ncpython\n"])
def test_parse_answer_refuses_what_is_no_answer(text: str) -> None:
    assert parse_answer(text) is None


@pytest.mark.parametrize(("header", "bits"), [(ELF32, 32), (ELF64, 64), ("cffaedfe07000001", 64), ("", 64)])
def test_elf_bits(header: str, bits: int) -> None:
    assert elf_bits(bytes.fromhex(header)) == bits
