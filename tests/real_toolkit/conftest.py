from __future__ import annotations

import subprocess
import sys

import pytest
from uv import find_uv_bin

from support.tools import unavailable
from support.torch_environment import configured_sources


@pytest.fixture(scope="session")
def sources() -> list[str]:
    """Give the configured sources as uv's options; without nvcc in them skip here and fail in CI."""
    options = configured_sources()
    done = subprocess.run(
        [find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--python", sys.executable, "-", *options],
        input="nvidia-cuda-nvcc==13.0.*\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        unavailable(f"no source offers nvidia-cuda-nvcc 13.0: {done.stderr.strip()[-300:]}")
    return options
