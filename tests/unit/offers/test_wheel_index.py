"""The loopback index itself: real uv and real pip install its stub wheels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.wheel_index import WheelIndex, stub_wheel
from torchup.resolve.offers.default_index import find_uv

PRINT = "import torch; print(torch.__version__, torch.version.cuda, torch.version.hip, torch.cuda.is_available())"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing of the machine's own configuration."""
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def install(tool: str, target: Path, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    uv = find_uv()
    assert uv is not None
    command = [uv, "pip", "install", "--no-cache"]
    if tool == "pip":
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--retries=0",
        ]
    command += ["--target", str(target), *arguments]
    if tool == "uv":
        command += ["--python", sys.executable]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def version_in(target: Path) -> str:
    environ = {"PYTHONPATH": str(target)}
    run = subprocess.run([sys.executable, "-S", "-c", PRINT], env=environ, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_variant_with_a_dependency(index: WheelIndex, tmp_path: Path, environ: dict[str, str], tool: str) -> None:
    index.pytorch("cu126").add("torch", "2.14.1+cu126", requires=["stub-math>=1"]).add("stub-math", "1.2")
    run = install(tool, tmp_path / "env", environ, "--index-url", index.url("whl/cu126"), "torch")
    assert run.returncode == 0, run.stderr
    assert version_in(tmp_path / "env") == "2.14.1+cu126 12.6 None False"
    assert (tmp_path / "env/stub_math/__init__.py").is_file()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_wrong_hash_is_refused(index: WheelIndex, tmp_path: Path, environ: dict[str, str], tool: str) -> None:
    index.simple().add("torch", "2.14.1", sha256="0" * 64)
    run = install(tool, tmp_path / "env", environ, "--index-url", index.url("simple"), "torch")
    assert run.returncode != 0
    assert "hash" in (run.stdout + run.stderr).lower()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_find_links_folder_and_page(index: WheelIndex, tmp_path: Path, environ: dict[str, str], tool: str) -> None:
    index.links().add("stub-math", "1.2")
    stub_wheel("torch", "2.13.0+rocm7.2").write(tmp_path / "wheels")
    sources = ["--no-index", "--find-links", str(tmp_path / "wheels"), "--find-links", index.url("links.html")]
    run = install(tool, tmp_path / "env", environ, *sources, "torch", "stub-math")
    assert run.returncode == 0, run.stderr
    assert version_in(tmp_path / "env") == "2.13.0+rocm7.2 None 7.2 False"


def test_files_replace_the_stubs_modules(tmp_path: Path, environ: dict[str, str]) -> None:
    stub_wheel("torch", "9.9", files={"torch/version.py": "__version__ = 'mine'\ncuda = hip = None\n"}).write(tmp_path)
    assert (
        install("uv", tmp_path / "env", environ, "--no-index", "--find-links", str(tmp_path), "torch").returncode == 0
    )
    assert version_in(tmp_path / "env").startswith("mine ")
