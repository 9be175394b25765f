"""Stub wheels: valid (WHEEL, METADATA, RECORD), tiny, and installable by real uv and pip.

A stub `torch` has `torch.__version__`, `torch.version.cuda|hip|xpu|git_version` as its label says, and a
`torch.cuda` without devices; pass `files` to add or replace modules. Default tags fit the interpreter that
runs the tests.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StubWheel:
    """A built wheel: its file name, bytes and METADATA."""

    project: str
    version: str
    filename: str
    content: bytes
    metadata: bytes
    requires_python: str | None = None

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write the wheel into a folder, as for find-links."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


def native_tags() -> tuple[str, str, str]:
    """Give wheel tags that fit the interpreter and machine that run the tests."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    abi = python + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    return python, abi, platform.replace("linux_", "manylinux_2_17_", 1) if platform.startswith("linux_") else platform


def stub_wheel(
    project: str,
    version: str,
    *,
    tags: tuple[str, str, str] | None = None,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    files: Mapping[str, str] | None = None,
) -> StubWheel:
    """Build a stub wheel; `files` are texts by their path in the environment, on top of the stub's own."""
    requires = tuple(requires)
    python, abi, platform = tags or native_tags()
    name = re.sub(r"[-.]+", "_", project)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nSummary: a stub for tests\n"
    metadata += f"Requires-Python: {requires_python}\n" if requires_python else ""
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    extras = dict.fromkeys(re.findall(r"""extra *== *['"]([^'"]+)""", "\n".join(requires)))
    metadata += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    wheel = "Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: false\n"
    wheel += "".join(f"Tag: {python}-{abi}-{one}\n" for one in platform.split("."))
    contents = {**_modules(name, version), **(files or {}), f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
    packed = io.BytesIO()
    record: list[str] = []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in contents.items():
            data = text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}")
            entry = zipfile.ZipInfo(path)
            # Installers keep the bits that let a program be run.
            entry.external_attr = (0o100755 if data.startswith(b"#!") else 0o100644) << 16
            archive.writestr(entry, data)
        record.append(f"{info}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "\n".join(record) + "\n")
    return StubWheel(
        project=project,
        version=version,
        filename=f"{name}-{version}-{python}-{abi}-{platform}.whl",
        content=packed.getvalue(),
        metadata=metadata.encode(),
        requires_python=requires_python,
    )


def _modules(name: str, version: str) -> dict[str, str]:
    if name != "torch":
        return {f"{name}/__init__.py": f"__version__ = {version!r}\n"}
    label = version.partition("+")[2]
    cuda = f"{label[2:-1]}.{label[-1]}" if re.fullmatch(r"cu\d{2,}", label) else None
    hip = label.removeprefix("rocm") if label.startswith("rocm") else None
    xpu = "20250000" if label == "xpu" else None
    return {
        "torch/__init__.py": "from torch import cuda, version\nfrom torch.version import __version__\n",
        "torch/version.py": f"__version__ = {version!r}\ndebug = False\ncuda = {cuda!r}\nhip = {hip!r}\n"
        f"xpu = {xpu!r}\ngit_version = {'0' * 40!r}\n",
        "torch/cuda/__init__.py": "def is_available():\n    return False\n\n\ndef device_count():\n    return 0\n\n\n"
        "def get_arch_list():\n    return []\n",
    }
