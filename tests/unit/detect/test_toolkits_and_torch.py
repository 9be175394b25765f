"""CUDA toolkits, members of the conda family, and torch, each told from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trees import lay_out
from torchup.detect.conda import conda_environments, read_conda, record_version
from torchup.detect.host import Host
from torchup.detect.interpreter import Interpreter
from torchup.detect.loader import configured_folders, find_library, library_version, parse_ld_so_conf
from torchup.detect.notes import Notes
from torchup.detect.toolkits import (
    parse_header,
    parse_nvcc,
    parse_version_json,
    parse_version_txt,
    read_toolkits,
    toolkit_root,
)
from torchup.detect.torch_installs import parse_backend, parse_conda_build, read_torch, usual_environments
from torchup.model.facts import CondaInstall, Python, Toolkit, TorchInstall

NVCC = {"run": "#!/bin/sh\nexit 1\n"}


def version_json(version: str) -> str:
    return f'{{"cuda": {{"name": "CUDA SDK", "version": "{version}"}}, "nvcc": {{"version": "{version}"}}}}'


def test_every_place_of_a_toolkit(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(
        tmp_path,
        {
            "/usr/local/cuda": {"link": "/etc/alternatives/cuda"},
            "/etc/alternatives/cuda": {"link": "/usr/local/cuda-12.6"},
            "/usr/local/cuda-12.6/version.json": version_json("12.6.3"),
            "/usr/local/cuda-12.6/bin/nvcc": NVCC,
            "/usr/local/cuda-9.0/version.txt": "CUDA Version 9.0.176\n",
            "/usr/local/cuda-13.0/include/cuda.h": "#define __CUDA_API_VERSION\n#define CUDA_VERSION 13000\n",
            "/usr/local/cuda-samples/README": "",
            "/opt/cuda/bin/nvcc": NVCC,
            "/opt/cuda/version.json": version_json("12.8.1"),
            "/srv/cuda-11.8/include/cuda_runtime_api.h": "#define CUDART_VERSION  11080\n",
            "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
            "/etc/ld.so.conf.d/cuda.conf": "# toolkit\n/srv/cuda-11.8/targets/x86_64-linux/lib\n",
            "/home/user/cuda/version.json": version_json("12.4.1"),
            "/home/user/cuda/bin/nvcc": NVCC,
            "/data/toolkit/bin/nvcc": NVCC,
            "/data/toolkit/nvvm/libdevice/libdevice.10.bc": "",
            "/data/toolkit/include/cuda.h": "#define CUDA_VERSION 12020\n",
            "/usr/local/bin/nvcc": {"run": "#!/bin/sh\nexec /usr/local/cuda-12.6/bin/nvcc\n"},
        },
    )
    environ = {"CUDA_HOME": "/home/user/cuda", "PATH": "/usr/local/bin:/data/toolkit/bin"}
    host = host_at(environ=environ)

    assert read_toolkits(host, host.notes, (), ()) == (
        Toolkit(version="12.4", path="/home/user/cuda", nvcc=True, source="env"),
        Toolkit(version="13.0", path="/usr/local/cuda-13.0", nvcc=False, source="path"),
        Toolkit(version="12.8", path="/opt/cuda", nvcc=True, source="path"),
        Toolkit(version="12.6", path="/usr/local/cuda-12.6", nvcc=True, source="path"),
        Toolkit(version="12.2", path="/data/toolkit", nvcc=True, source="path"),
        Toolkit(version="11.8", path="/srv/cuda-11.8", nvcc=False, source="ldconfig"),
        Toolkit(version="9.0", path="/usr/local/cuda-9.0", nvcc=False, source="path"),
    )


def test_the_cache_of_the_loader_names_toolkits_too(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    cache = b"glibc-ld.so.cache1.1\0\0libcudart.so.12\0/srv/cuda-12.5/lib64/libcudart.so.12\0/lib/libc.so.6\0"
    lay_out(
        tmp_path, {"/etc/ld.so.cache": {"bytes": cache.hex()}, "/srv/cuda-12.5/version.json": version_json("12.5.0")}
    )
    host = host_at()

    assert [toolkit.path for toolkit in read_toolkits(host, host.notes, (), ())] == ["/srv/cuda-12.5"]


def test_a_variable_that_leads_nowhere_is_noted(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(tmp_path, {"/usr/local/README": ""})
    host = host_at(environ={"CUDA_HOME": "/gone", "CUDA_PATH": "/usr/local"})

    assert read_toolkits(host, host.notes, (), ()) == ()
    assert host.notes.codes() == {"cuda-home-missing", "cuda-home-without-toolkit"}


def test_toolkits_inside_environments(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    site = "/home/user/env/lib/python3.12/site-packages"
    lay_out(
        tmp_path,
        {
            "/opt/conda/envs/gpu/conda-meta/cuda-version-12.6-h7480c83_3.json": "{}",
            "/opt/conda/envs/gpu/bin/nvcc": NVCC,
            "/opt/conda/envs/cpu/conda-meta/cuda-version-12.6-h7480c83_3.json": "{}",
            f"{site}/nvidia_cuda_nvcc-13.0.88.dist-info/METADATA": "",
            f"{site}/nvidia/cu13/bin/nvcc": NVCC,
            f"{site}/nvidia/cublas/lib/libcublas.so.13": "",
        },
    )
    host = host_at()

    assert read_toolkits(host, host.notes, ("/opt/conda/envs/gpu", "/opt/conda/envs/cpu"), (site,)) == (
        Toolkit(version="13.0", path=f"{site}/nvidia/cu13", nvcc=True, source="pip"),
        Toolkit(version="12.6", path="/opt/conda/envs/gpu", nvcc=True, source="conda"),
    )


def test_a_version_that_only_the_compiler_knows(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    banner = "Cuda compilation tools, release 12.1, V12.1.105"
    lay_out(
        tmp_path, {"/usr/local/cuda/bin/nvcc": {"run": f"#!/bin/sh\necho '{banner}'\n"}, "/usr/local/cuda/nvvm": None}
    )
    asked, silent = host_at(live=True), host_at()

    assert [toolkit.version for toolkit in read_toolkits(asked, asked.notes, (), ())] == ["12.1"]
    assert [toolkit.version for toolkit in read_toolkits(silent, silent.notes, (), ())] == [None]


def test_version_texts() -> None:
    assert parse_version_json(version_json("12.6.3")) == "12.6"
    assert parse_version_json("{}") is None
    assert parse_version_json('{"cuda": []}') is None
    assert parse_version_json("{") is None
    assert parse_version_txt("CUDA Version 10.2.89\n") == "10.2"
    assert parse_header("#define CUDART_VERSION  12060\n") == "12.6"
    assert parse_header("#define CUDA_VERSION_MAJOR 12\n") is None
    assert parse_nvcc("Cuda compilation tools, release 13.0, V13.0.88") == "13.0"
    assert parse_nvcc("nvcc: command not found") is None


@pytest.mark.parametrize(
    "folder",
    [
        "/usr/local/cuda-12.4/lib64",
        "/usr/local/cuda-12.4/targets/x86_64-linux/lib",
        "/usr/local/cuda-12.4/lib64/stubs/",
    ],
)
def test_toolkit_root(folder: str) -> None:
    assert toolkit_root(folder) == "/usr/local/cuda-12.4"


def test_conda_family_and_its_environments(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    program = {"run": "#!/bin/sh\nexit 1\n"}
    lay_out(
        tmp_path,
        {
            "/home/user/miniforge3/bin/conda": program,
            "/home/user/miniforge3/bin/mamba": program,
            "/home/user/miniforge3/conda-meta/conda-24.9.2-py312h7900ff3_0.json": "{}",
            "/home/user/miniforge3/conda-meta/mamba-2.0.5-had1ee68_0.json": "{}",
            "/home/user/miniforge3/conda-meta/conda-libmamba-solver-24.9.0-pyhd8ed1ab_0.json": "{}",
            "/home/user/miniforge3/envs/torch/conda-meta/history": "",
            "/home/user/miniforge3/envs/.leftover/README": "",
            "/home/user/.conda/environments.txt": "/data/env\n/home/user/miniforge3\n/gone\n",
            "/data/env/conda-meta/history": "",
            "/usr/bin/micromamba": {"run": "#!/bin/sh\necho 2.0.4\n"},
        },
    )
    host = host_at(environ={"CONDA_EXE": "/home/user/miniforge3/bin/conda", "PATH": "/usr/bin:/bin"}, live=True)

    installs = read_conda(host, host.notes)
    assert installs == (
        CondaInstall(kind="conda", path="/home/user/miniforge3/bin/conda", version="24.9.2"),
        CondaInstall(kind="micromamba", path="/usr/bin/micromamba", version="2.0.4"),
        CondaInstall(kind="mamba", path="/home/user/miniforge3/bin/mamba", version="2.0.5"),
    )
    assert conda_environments(host, installs) == (
        "/home/user/miniforge3",
        "/home/user/miniforge3/envs/torch",
        "/data/env",
    )


def test_record_version_is_not_taken_from_a_longer_name() -> None:
    assert record_version(("conda-libmamba-solver-24.9.0-py_0.json", "conda-24.1.2-py312_0.json"), "conda") == "24.1.2"
    assert record_version(("conda-24.1.2-py312_0.txt",), "conda") is None


def test_torch_in_all_environments(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    def site(prefix: str) -> str:
        return f"{prefix}/lib/python3.12/site-packages"

    def metadata(version: str) -> str:
        return f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n\nVersion: 9.9 in the description\n"

    lay_out(
        tmp_path,
        {
            "/home/user/.venvs/a/pyvenv.cfg": "",
            f"{site('/home/user/.venvs/a')}/torch-2.13.0+cpu.dist-info/METADATA": metadata("2.13.0+cpu"),
            f"{site('/home/user/.venvs/a')}/torchvision-0.28.0.dist-info/METADATA": metadata("0.28.0"),
            "/srv/project/.venv/pyvenv.cfg": "",
            f"{site('/srv/project/.venv')}/torch-2.14.1.dist-info/METADATA": metadata("2.14.1"),
            f"{site('/srv/project/.venv')}/torch/version.py": "cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n",
            f"{site('/opt/conda/envs/t')}/torch-2.6.0.dist-info/METADATA": metadata("2.6.0"),
            "/opt/conda/envs/t/conda-meta/pytorch-2.6.0-cuda126_mkl_py312_h1_300.json": "{}",
            f"{site('/home/user/.local')}/torch-2.7.0.dist-info/METADATA": metadata("2.7.0"),
            f"{site('/home/user/.local')}/torch-2.8.0.dist-info/METADATA": "",
        },
    )
    host = host_at()
    system = Interpreter(
        python=Python(path="/usr/bin/python3.12", version="3.12.3", kind="system"),
        prefix="/usr",
        stdlib="/usr/lib/python3.12",
    )
    extra = (*usual_environments(host, "/srv/project"), "/opt/conda/envs/t")

    assert read_torch(host, host.notes, (system,), extra) == (
        TorchInstall(python="/usr/bin/python3.12", version="2.7.0", variant=None),
        TorchInstall(python="/home/user/.venvs/a/bin/python", version="2.13.0+cpu", variant="cpu"),
        TorchInstall(python="/srv/project/.venv/bin/python", version="2.14.1", variant="cu130"),
        TorchInstall(python="/opt/conda/envs/t/bin/python", version="2.6.0", variant="cu126"),
    )
    assert host.notes.codes() == {"torch-twice", "torch-metadata-broken"}


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("cuda = '12.8'\nhip = None\n", "cu128"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4.43482-0f2d60242'\n", "rocm6.4"),
        ("cuda = None\nhip = None\nxpu = '20250101'\n", "xpu"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "cpu"),
        ("__version__ = '2.0'\n", None),
    ],
)
def test_parse_backend(text: str, variant: str | None) -> None:
    assert parse_backend(text) == variant


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("pytorch-2.6.0-cpu_generic_py312_h5fcc3a8_0.json", "cpu"),
        ("pytorch-2.5.1-py3.12_cuda12.4_cudnn9.1.0_0.json", "cu124"),
        ("pytorch-2.6.0-cuda118_mkl_py311_h1_300.json", "cu118"),
        ("pytorch-lightning-2.5.0-pyhd8ed1ab_0.json", None),
        ("numpy-2.1.0-py312_0.json", None),
    ],
)
def test_parse_conda_build(name: str, variant: str | None) -> None:
    assert parse_conda_build(name) == variant


def test_loader_configuration(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(
        tmp_path,
        {
            "/etc/ld.so.conf": "include ld.so.conf.d/*.conf\ninclude /etc/ld.so.conf\n/last\n",
            "/etc/ld.so.conf.d/b.conf": "/two/\n# /comment\n/three # trailing\n",
            "/etc/ld.so.conf.d/a.conf": "/one\n",
            "/etc/ld.so.conf.d/skipped.txt": "/never\n",
            "/two/libcuda.so.1": {"link": "libcuda.so.580.65.06"},
            "/two/libcuda.so.580.65.06": "",
        },
    )
    host = host_at()

    assert configured_folders(host) == ("/last", "/one", "/two", "/three")
    assert find_library(host, "libcuda.so.1") == "/two/libcuda.so.580.65.06"
    assert library_version("/two/libcuda.so.580.65.06") == "580.65.06"
    assert library_version("/two/libcuda.so.1") is None
    assert parse_ld_so_conf("hwcap 1 nosegneg\n") == ((), ())


def test_notes_keep_order_and_drop_repetitions() -> None:
    notes = Notes()
    for _ in range(2):
        notes.add("a", "One.", "x\n  y")
        notes.add("b", "Two.", "z" * 1000)
    first, second = notes.findings()

    assert (first.evidence, second.code) == ("x y", "b")
    assert second.evidence is not None
    assert len(second.evidence) == 400
