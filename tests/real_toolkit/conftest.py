from __future__ import annotations

import os
import subprocess
import sys

import pytest
from uv import find_uv_bin

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
        if os.environ.get("CI") == "true":
            pytest.fail(f"no source offers nvcc: {done.stderr[-300:]}")
        pytest.skip(f"no source offers nvidia-cuda-nvcc 13.0: {done.stderr.strip()[-200:]}")
    return options
