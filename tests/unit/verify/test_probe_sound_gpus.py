"""What sound GPUs, and machines around them, do differently from others: none of it may be taken for a fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.wrong_kernels import load_probe

probe = load_probe()
MIB = probe.MIB


def cuda_bench(capability: tuple[int, int], **torch: Any) -> Any:
    """Make a bench whose torch has one NVIDIA GPU of this capability, and what is given."""
    cuda = SimpleNamespace(
        get_device_capability=lambda _device: capability,
        get_device_properties=lambda _index: SimpleNamespace(total_memory=8 << 30),
        empty_cache=lambda: None,
    )
    return probe.Bench(SimpleNamespace(cuda=cuda, **torch), "cuda:0", "cuda")


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_args: Any, **_more: Any) -> Any:
        raise error

    return call


# Compilers.


def test_a_gpu_too_old_for_triton_skips_the_compiler() -> None:
    pascal = cuda_bench((6, 1), compile=raising(AssertionError()))
    with pytest.raises(probe.Skip, match=r"compute capability 7\.0"):
        probe.check_compile(pascal)


def test_what_torch_compile_announces_is_kept() -> None:
    text = (
        "BackendCompilerFailed: backend='inductor' raised:\nGPUTooOldForTriton: Found a GTX 1080 Ti\n\nSet TORCHDYNAMO"
    )
    assert probe.short(text).endswith("raised: | GPUTooOldForTriton: Found a GTX 1080 Ti")
    assert probe.short("one:\nan error\nanother error") == "one: | an error"
    assert probe.short("first\nsecond\nthe error") == "first | the error"
    assert probe.short("") == ""


def test_a_library_that_is_loaded_may_keep_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TRITON_CACHE_DIR", "mine")
    with monkeypatch.context() as windows:
        windows.setattr(probe.os, "unlink", raising(PermissionError("the file is in use")))
        with probe.fresh_caches() as folder:
            (Path(os.environ["TORCH_EXTENSIONS_DIR"]) / "add.pyd").touch()
            assert os.environ["TRITON_CACHE_DIR"].startswith(folder)
    assert os.environ["TRITON_CACHE_DIR"] == "mine"
    assert Path(folder).is_dir()
    shutil.rmtree(folder)
    with probe.fresh_caches() as folder:
        pass
    assert not Path(folder).exists()


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pip puts programs, in an environment that is not activated; a CUDA toolkit is set up."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("CUDA_HOME", "/usr/local/cuda")
    monkeypatch.setattr(probe.sysconfig, "get_path", lambda _name: str(tmp_path))
    return tmp_path


def test_ninja_is_found_beside_the_interpreter(scripts: Path) -> None:
    assert "ninja" in probe.hindrance_of_extension()
    (scripts / "ninja").touch(mode=0o755)
    assert probe.hindrance_of_extension() == ""


def test_torch_finds_ninja_where_the_test_found_it(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "first_version", lambda *_: "13.0")
    before = os.environ["PATH"]
    bench = cuda_bench((9, 0), version=SimpleNamespace(cuda="13.0"))
    paths = []

    def build(_folder: str) -> None:
        paths.append(os.environ["PATH"])
        raise RuntimeError("seen")

    assert probe.check_extension(bench, build).status == "fail"
    assert paths[0].split(os.pathsep) == [before, str(scripts)]
    assert os.environ["PATH"] == before
