"""Every Python and platform finds wheels for all that is locked, so that nobody has to compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

LOCKS = Path(__file__).parents[2] / "installer" / "locks"
PLATFORMS = (
    *("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-unknown-linux-musl"),
    *("aarch64-apple-darwin", "x86_64-apple-darwin", "x86_64-pc-windows-msvc"),
)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_there_is_a_wheel_for_everything(platform: str, python: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", "install", "--dry-run", "--target", str(tmp_path), "--python", sys.executable),
            *("--python-version", python, "--python-platform", platform, "--only-binary", ":all:"),
            *("--require-hashes", "-r", str(LOCKS / "run.txt"), "-r", str(LOCKS / "build.txt")),
        ],
        env={"UV_SYSTEM_CERTS": "1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
