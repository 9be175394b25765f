"""The compiler of CUDA 13 from the package index, without root: it compiles, and what it makes links."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.command import Person
from support.tools import require
from support.wheel_index import stub_wheel

pytestmark = pytest.mark.toolkit

KERNEL = """\
#include <cuda_runtime.h>
__global__ void add(float* a, int n) { int i = threadIdx.x; if (i < n) a[i] += 1.0f; }
extern "C" int version() { int v = 0; cudaRuntimeGetVersion(&v); return v; }
extern "C" void run(float* a, int n) { add<<<1, n>>>(a, n); }
"""
ARCHITECTURES = "-gencode arch=compute_90,code=sm_90 -gencode arch=compute_120,code=sm_120"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory, sources: list[str]) -> Person:
    """Set somebody up with a stub of torch and the real toolkit, from the sources that pip has here."""
    assert sources is not None
    require("gcc")  # nvcc calls it for the host's part
    folder = tmp_path_factory.mktemp("nvcc")
    stub_wheel("torch", "2.13.0+cpu").write(folder / "wheels")
    configuration = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    person = Person(home=folder / "home")
    person.environ.pop("PIP_CONFIG_FILE")
    person.environ |= {name: value for name, value in configuration.items() if name != "UV_CACHE_DIR"}
    pip = Path.home() / ".config/pip"
    if pip.exists():
        (person.home / ".config").mkdir()
        (person.home / ".config/pip").symlink_to(pip)
    wanted = person.answers(
        "schema: 1\ntorch: {variant: cpu, version: ==2.13.0, packages: [torch]}\n"
        f"source: {{index: default, find_links: ['{folder / 'wheels'}']}}\n"
        'cuda_toolkit: {source: wheel, version: "13.0"}\n'
        "shell: {shells: [bash, zsh, fish]}\nverify: {level: none}\n"
    )
    done = person.torchup("setup", "--answers", wanted, timeout=600)
    assert done.returncode == 0, done.stderr
    return person


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_compiles_for_hopper_and_blackwell(person: Person, shell: str) -> None:
    program = require(shell)
    source = person.home / f"{shell}.cu"
    source.write_text(KERNEL)
    done = subprocess.run(
        [program, "-i", "-c", f"nvcc -c {source} -o {source}.o {ARCHITECTURES}; echo home=$CUDA_HOME"],
        env={"HOME": str(person.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
        cwd=person.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "home=" + str(home_of(person)) in done.stdout, done.stderr
    made = Path(f"{source}.o").read_bytes()
    assert made.startswith(b"\x7fELF")
    listed = subprocess.run(
        [home_of(person) / "bin/nvcc", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert "release 13.0" in listed
    for architecture in (b"sm_90", b"sm_120"):
        assert architecture in made, done.stderr


@pytest.mark.parametrize("runtime", ["static", "shared"])
def test_what_was_compiled_links_and_loads(person: Person, runtime: str) -> None:
    home = home_of(person)
    source = person.home / f"{runtime}.cu"
    source.write_text(KERNEL)
    library = person.home / f"{runtime}.so"
    command: list[str | Path] = [
        home / "bin/nvcc",
        "-shared",
        "-Xcompiler",
        "-fPIC",
        "-cudart",
        runtime,
        source,
        "-o",
        library,
    ]
    subprocess.run([*command, "-arch=sm_90"], check=True, capture_output=True, timeout=180)
    assert version_of(person, library) == "13000"


def test_it_links_the_way_pytorchs_extension_builder_does(person: Person) -> None:
    # torch/utils/cpp_extension.py: nvcc -c, then the host's linker with -L$CUDA_HOME/lib64 -lcudart.
    home = home_of(person)
    require("g++")
    source = person.home / "extension.cu"
    source.write_text(KERNEL)
    compiled, library = person.home / "extension.o", person.home / "extension.so"
    nvcc: list[str | Path] = [home / "bin/nvcc", "-Xcompiler", "-fPIC", "-arch=sm_90", "-c", source, "-o", compiled]
    subprocess.run(nvcc, check=True, capture_output=True, timeout=180)
    subprocess.run(["g++", "-shared", compiled, "-o", library, f"-L{home}/lib64", "-lcudart"], check=True)
    assert version_of(person, library) == "13000"


def version_of(person: Person, library: Path) -> str:
    """Load a library in a process of its own, as an import of an extension would."""
    done = subprocess.run(
        [
            person.home / ".venvs/torch/bin/python",
            "-c",
            f"import ctypes; print(ctypes.CDLL({str(library)!r}).version())",
        ],
        env={"LD_LIBRARY_PATH": f"{home_of(person)}/lib", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def home_of(person: Person) -> Path:
    return next((person.home / ".venvs/torch").glob("lib/python3*/site-packages")) / "nvidia/cu13"


def test_undo_leaves_nothing_of_it(person: Person) -> None:
    # Last: it takes away what the others use.
    assert person.torchup("undo", "--yes").returncode == 0
    assert not (person.home / ".venvs").exists()
