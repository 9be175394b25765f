"""What sound GPUs, and machines around them, do differently from others: none of it may be taken for a fault."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.wrong_kernels import load_probe
from torchup.knowledge.cubins import runs_on
from torchup.model.versions import ComputeCapability

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


# Formats that a GPU or a torch does not have.


class Matrix:
    """A matrix that no cuBLAS multiplies."""

    device = "cuda:0"

    def __init__(self, error: str = "") -> None:
        self.error = error

    def __matmul__(self, _other: Any) -> Any:
        raise RuntimeError(self.error)

    def __getitem__(self, _index: Any) -> Matrix:
        return self

    def t(self) -> Matrix:
        return self

    def contiguous(self) -> Matrix:
        return self


def with_bf16(capability: tuple[int, int], error: str) -> Any:
    return cuda_bench(capability, bfloat16="bf16", float32="fp32", ones=lambda *_args, **_more: Matrix(error))


def test_bfloat16_that_is_not_emulated_is_left_out() -> None:
    maxwell = with_bf16((5, 2), "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx`")
    with pytest.raises(probe.Skip, match="bfloat16"):
        probe.usable_dtype(maxwell, "bf16")
    assert probe.usable_dtypes(maxwell, ("fp32", "bf16")) == {"fp32": "fp32"}
    with pytest.raises(RuntimeError, match="illegal memory access"):
        probe.usable_dtype(with_bf16((6, 1), "CUDA error: an illegal memory access was encountered"), "bf16")
    assert probe.usable_dtype(with_bf16((8, 0), "must work"), "bf16") == "bf16"


def test_fp8_that_torch_allows_on_other_gpus_only_is_skipped() -> None:
    said = "torch._scaled_mm is only supported on devices with compute capability >= 9.0)"
    for error, raised in ((said, probe.Skip), ("CUDA error: misaligned address", RuntimeError)):
        torch = SimpleNamespace(tensor=lambda *_args, **_more: 1, bfloat16=0, _scaled_mm=raising(RuntimeError(error)))
        with pytest.raises(raised, match=re.escape(error)):
            probe.usual_product(torch, "fp8")(Matrix(), Matrix())


@pytest.mark.parametrize(
    ("backend", "error", "may"),
    [
        ("flash_attention", "No available kernel. Aborting execution.", True),
        ("cudnn_attention", "cuDNN Frontend error: No valid execution plans built.", True),
        ("default", "cuDNN Frontend error: No valid execution plans built.", False),
        ("default", "No available kernel. Aborting execution.", False),
        ("cudnn_attention", "CUDA error: an illegal memory access was encountered", False),
    ],
)
def test_what_an_attention_backend_may_refuse(backend: str, error: str, may: bool) -> None:
    assert probe.refused(backend, error) is may


def test_the_same_kernels_serve_the_same_gpus_as_in_torchups_own_rule() -> None:
    gpus = [(5, 0), (5, 3), (6, 1), (6, 2), (7, 0), (7, 2), (7, 5), (8, 0), (8, 6), (8, 7), (8, 9), (9, 0), (10, 0)]
    gpus += [(10, 1), (10, 3), (11, 0), (12, 0), (12, 1)]
    for capability, built, cuda in product(gpus, gpus, ((12, 9), (13, 0), (13, 2), (13, 4))):
        number = built[0] * 10 + built[1]
        wanted = runs_on(number, ComputeCapability(major=capability[0], minor=capability[1]), cuda)
        assert probe.serves(f"sm_{number}", capability, cuda) is wanted, (capability, number, cuda)


def test_the_cuda_of_the_build_decides_about_a_jetson() -> None:
    for cuda, status in (("13.2", "pass"), ("12.9", "fail"), ("13", "fail")):
        bench = cuda_bench((8, 7), version=SimpleNamespace(cuda=cuda), ones=raising(RuntimeError("no kernel image")))
        bench.torch.cuda.get_arch_list = lambda: ["sm_80", "sm_90"]
        assert probe.check_arch(bench).status == status, cuda


# Speed.


@pytest.mark.parametrize(
    ("name", "capability", "fastest"),
    [
        ("NVIDIA GeForce GTX 1660 SUPER", (7, 5), ("fp32", "single")),
        ("NVIDIA GeForce MX450", (7, 5), ("fp32", "single")),
        ("NVIDIA T1000 8GB", (7, 5), ("fp32", "single")),
        ("NVIDIA T400 4GB", (7, 5), ("fp32", "single")),
        ("Tesla T4", (7, 5), ("fp16", "half")),
        ("NVIDIA GeForce RTX 2060", (7, 5), ("fp16", "half")),
        ("NVIDIA GeForce GTX 1080 Ti", (6, 1), ("fp32", "single")),
        ("NVIDIA T2000", (8, 6), ("fp32", "single")),
        ("NVIDIA H100 80GB HBM3", (9, 0), ("bf16", "half")),
    ],
)
def test_the_fastest_format_of_a_card(name: str, capability: tuple[int, int], fastest: tuple[str, str]) -> None:
    assert probe.fastest_dtype(cuda_bench(capability), name) == fastest


@pytest.mark.parametrize(
    ("name", "capability", "units", "clock", "what", "measured"),
    [
        # pytorch issue 121957: fp32 of a GTX 1660 SUPER.
        ("NVIDIA GeForce GTX 1660 SUPER", (7, 5), 22, 2.10, "single", 4.7),
        ("NVIDIA GeForce RTX 4060 Laptop GPU", (8, 9), 24, 3.105, "half", 25.0),
        ("NVIDIA H20", (9, 0), 78, 1.98, "half", 140.0),
        ("NVIDIA A100-SXM-80GB", (8, 0), 108, 1.41, "half", 250.0),
    ],
)
def test_the_speed_of_a_sound_card_passes(
    name: str, capability: tuple[int, int], units: int, clock: float, what: str, measured: float
) -> None:
    reference = probe.reference_of(probe.Facts(name, capability, units, clock), what)
    assert probe.judge_speed(measured, reference, "TFLOPS", "matmul").status == "pass"


def test_the_memory_of_an_a100_of_either_name() -> None:
    assert probe.card_of("NVIDIA A100-SXM-80GB") == probe.card_of("NVIDIA A100-SXM4-80GB")
    assert probe.card_of("NVIDIA A100-SXM4-40GB").memory == 1555


@pytest.mark.parametrize("name", ["NVIDIA A10-4Q", "GRID T4-16C", "NVIDIA A100-1-5C", "NVIDIA L40S-48Q"])
def test_a_lent_part_of_a_card_has_no_reference(name: str) -> None:
    assert probe.reference_of(probe.Facts(name, (8, 6), 72, 1.695), "half") is None


@pytest.mark.parametrize("name", ["NVIDIA A100-SXM4-80GB", "NVIDIA A100-PCIE-40GB", "Tesla V100-SXM2-16GB"])
def test_a_whole_card_is_not_taken_for_a_lent_part(name: str) -> None:
    assert probe.reference_of(probe.Facts(name), "half") is not None
