"""A conda channel in a folder with stub packages, and a stand-in `conda` that solves and installs from it.

    channel = CondaChannel(folder / "channels" / "conda-forge")
    channel.python().cuda("13.0").index()
    program = stand_in_conda(folder / "miniforge3", "mamba")

py-rattler writes the channel's index, solves and links, as conda does (the `conda` extra of torchup's tests).
The stub `python` is a link to the interpreter that runs the tests, with the pyvenv.cfg that makes the prefix
its own; `cuda-nvcc` brings a program that answers `--version`, and headers below `targets`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_STAND_IN = Path(__file__).with_name("conda_stand_in.py")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SUBDIR = "linux-64" if os.uname().machine == "x86_64" else "linux-aarch64"
TARGET = "x86_64-linux" if os.uname().machine == "x86_64" else "sbsa-linux"


@dataclass
class CondaChannel:
    """A channel in `folder`; `index` has to be called once the packages are in it."""

    folder: Path
    names: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        version: str,
        *,
        build: str = "0",
        depends: Iterable[str] = (),
        files: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> Self:
        """Add a package; `files` and `links` are texts and targets by their path in the environment."""
        place = self.folder / SUBDIR
        place.mkdir(parents=True, exist_ok=True)
        index = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": list(depends),
            "subdir": SUBDIR,
            "timestamp": 1_700_000_000_000,
        }
        paths = [{"_path": path, "path_type": "hardlink"} for path in files or {}]
        paths += [{"_path": path, "path_type": "softlink"} for path in links or {}]
        contents = {
            "info/index.json": json.dumps(index),
            "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
            "info/files": "".join(f"{path}\n" for path in (*(files or {}), *(links or {}))),
            **(files or {}),
        }
        with tarfile.open(place / f"{name}-{version}-{build}.tar.bz2", "w:bz2") as archive:
            for path, text in contents.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(text.encode())
                entry.mode = 0o755 if path.startswith("bin/") else 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
            for path, target in (links or {}).items():
                entry = tarfile.TarInfo(path)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                archive.addfile(entry)
        self.names.append(name)
        return self

    def python(self) -> Self:
        """Add the interpreter that runs the tests as Python, and pip."""
        real = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
        version = ".".join(map(str, sys.version_info[:3]))
        home = f"home = {real.parent}\nversion = {version}\ninclude-system-site-packages = false\n"
        site = f"lib/python{PYTHON}/site-packages"
        self.add(
            "python",
            version,
            files={"pyvenv.cfg": home, f"{site}/README": "packages\n"},
            links={"bin/python": str(real), "bin/python3": "python"},
        )
        return self.add("pip", "25.0", depends=["python"], files={f"{site}/pip-25.0.dist-info/RECORD": ""})

    def cuda(self, *versions: str) -> Self:
        """Add the toolkit's packages in some releases, each for its own `cuda-version` alone."""
        for version in versions:
            pinned = [f"cuda-version =={version}"]
            nvcc = f"#!/bin/sh\necho 'Cuda compilation tools, release {version}, V{version}.48'\n"
            self.add("cuda-version", version)
            self.add("cuda-nvcc", f"{version}.48", depends=pinned, files={"bin/nvcc": nvcc})
            header = {f"targets/{TARGET}/include/cuda_runtime.h": f"// {version}\n"}
            self.add("cuda-cudart-dev", f"{version}.48", depends=pinned, files=header)
            library = {f"targets/{TARGET}/lib/libcublas.so.{version}": "library\n"}
            self.add("cuda-libraries-dev", f"{version}.0", depends=pinned, files=library)
        return self

    def torch(self, version: str) -> Self:
        """Add PyTorch for the CPU and for CUDA 12.9, as conda-forge names its builds."""
        site = f"lib/python{PYTHON}/site-packages/torch-{version}.dist-info"
        python = f"py{PYTHON.replace('.', '')}"
        for build in (f"cpu_generic_{python}_h1_0", f"cuda129_mkl_{python}_h1_300"):
            needs = ["python", *(["cuda-version >=12.9,<13"] if build.startswith("cuda") else [])]
            self.add("pytorch", version, build=build, depends=needs, files={f"{site}/RECORD": f"{build}\n"})
        return self

    def index(self) -> Self:
        """Write the channel's index, in a process of its own as everything that runs py-rattler."""
        (self.folder / "noarch").mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, _STAND_IN, "conda", "index", self.folder], check=True)
        return self


def stand_in_conda(base: Path, kind: str = "conda") -> Path:
    """Put a program named conda, mamba or micromamba into `base/bin`, which runs `support.conda_stand_in`."""
    program = base / "bin" / kind
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_STAND_IN}" "$0" "$@"\n')
    program.chmod(0o755)
    return program
