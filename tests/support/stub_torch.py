"""Environments with a made-up torch: only what the probe asks for before it computes anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

CUDA_BUILD = """
class version:
    cuda, hip, xpu = "12.6", None, None

class backends:
    class mps:
        @staticmethod
        def is_available():
            return False

__version__ = "2.13.0+cu126"
"""


def gpu(capability: tuple[int, int], arch_list: str, name: str = "NVIDIA Stub") -> str:
    """Write a CUDA build that sees one GPU; no kernel runs on it."""
    return f"""{CUDA_BUILD}
class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 1)
    get_device_name = staticmethod(lambda index: {name!r})
    get_device_capability = staticmethod(lambda index: {capability})
    get_arch_list = staticmethod(lambda: {arch_list.split()!r})
    synchronize = set_device = staticmethod(lambda *_: None)

    @staticmethod
    def get_device_properties(index):
        class properties:
            total_memory = 24 << 30
        return properties

def ones(*_args, **_kwargs):
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
"""


def no_gpu(complaint: str) -> str:
    """Write a CUDA build that sees no GPU and says why."""
    return f"""{CUDA_BUILD}
class cuda:
    is_available = staticmethod(lambda: False)
    device_count = staticmethod(lambda: 0)

    @staticmethod
    def init():
        raise RuntimeError({complaint!r})
"""


CPU_BUILD = f"""{CUDA_BUILD}
class version:
    cuda = hip = xpu = None

class cuda:
    is_available = staticmethod(lambda: False)

__version__ = "2.13.0+cpu"
"""


def python_with(folder: Path, torch_source: str | None) -> Path:
    """Make an environment whose torch is this source; None leaves torch out."""
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder], check=True)
    if torch_source is not None:
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "torch").mkdir()
        (packages / "torch" / "__init__.py").write_text(torch_source, encoding="utf-8")
    return folder / "bin" / "python"


def dying(signal_name: str) -> str:
    """Write a build whose import ends the process with a signal."""
    return f"import os, signal\nos.kill(os.getpid(), signal.{signal_name})\n"


def working_gpu(misbehaviour: str) -> str:
    """Write a CUDA build with one GPU it has kernels for; whatever is called to compute does what `misbehaviour` says."""
    body = "\n".join(f"        {line}" for line in misbehaviour.splitlines())
    return f"""{gpu((8, 9), "sm_80 sm_86 sm_89", "NVIDIA GeForce RTX 4090")}
class OutOfMemoryError(RuntimeError):
    pass

class _Misbehaving:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_args, **_kwargs):
{body}

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Misbehaving()

ones = _Misbehaving()
cuda.mem_get_info = staticmethod(lambda *_: (20 << 30, 24 << 30))
"""


def library_path_build(shadowing: str, *, breaks: str | None = None) -> str:
    """Write a CPU build whose cuDNN is another with a folder on LD_LIBRARY_PATH; with `breaks` its import fails so."""
    return f"""
import os
_shadowed = {shadowing!r} in os.environ.get("LD_LIBRARY_PATH", "").split(":")
if _shadowed and {breaks!r}:
    raise ImportError({breaks!r})
{CPU_BUILD}
class backends(backends):
    class cudnn:
        @staticmethod
        def version():
            return 8005 if _shadowed else 91002
"""
