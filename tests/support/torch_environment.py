"""A virtual environment with a real CPU build of torch, made once and kept in a cache.

The sources are those that pip is configured with on this machine; where they have no CPU build,
PyTorch's own index of CPU builds is tried.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from uv import find_uv_bin

from support.tools import CACHE, unavailable

TORCH = "2.13.0"
REQUIREMENT = f"torch=={TORCH}" if sys.platform == "darwin" else f"torch=={TORCH}+cpu"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INSTALL_SECONDS = 1200


class TorchUnavailableError(Exception):
    """No reachable source offers a CPU build for this Python; the message is what the last one said."""


def torch_python() -> Path:
    """Give the interpreter of an environment with torch; make it when it is not there yet.

    Raises TorchUnavailableError. Safe for several processes at once.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"torch-{TORCH}-{sys.implementation.cache_tag}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "ready"
    with FileLock(CACHE / f"{folder.name}.lock", timeout=INSTALL_SECONDS):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python)
            ready.touch()
    return python


def torch_or_skip() -> Path:
    """Give the interpreter to a test; without a source for torch it skips with the reason, or fails where CI=true."""
    try:
        return torch_python()
    except TorchUnavailableError as error:
        unavailable(str(error))


def _make(folder: Path, python: Path) -> None:
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    said = ""
    for options in (configured_sources(), ["--extra-index-url", PYTORCH_CPU_INDEX]):
        command = [uv, "pip", "install", "--quiet", "--python", str(python), REQUIREMENT, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode == 0:
            # The first import writes the byte code that later ones are measured with.
            subprocess.run([python, "-c", "import torch"], check=True, capture_output=True)
            return
        said = done.stderr.strip()
    raise TorchUnavailableError(f"no source offers {REQUIREMENT} for this Python: {said[-500:]}")


def configured_sources() -> list[str]:
    """Read pip's configuration and give it as options for uv, which does not read it."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return sources_in(done.stdout)


def sources_in(listing: str) -> list[str]:
    """Turn the output of `pip config list` into uv's options."""
    options = []
    for line in listing.splitlines():
        key, _, quoted = line.partition("=")
        name = key.rpartition(".")[2]
        if name in ("find-links", "index-url", "extra-index-url"):
            values = dict.fromkeys(ast.literal_eval(quoted).split())
            options += [part for value in values for part in (f"--{name}", value)]
    return options
