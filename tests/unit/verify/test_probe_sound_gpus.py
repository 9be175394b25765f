"""What sound GPUs, and machines around them, do differently from others: none of it may be taken for a fault."""

from __future__ import annotations

import importlib.metadata
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
    toolkit = tmp_path / "cuda"
    (toolkit / "bin").mkdir(parents=True)
    (toolkit / "bin" / "nvcc").touch(mode=0o755)
    monkeypatch.setenv("CUDA_HOME", str(toolkit))
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


# Memory.


@pytest.mark.parametrize(("free", "blocks"), [(1024, 2), (2048, 6), (2560, 8), (8192, 28), (200, 1)])
def test_testing_all_memory_leaves_room_for_what_compares(free: int, blocks: int) -> None:
    bench = cuda_bench((8, 6))
    kept = [700 * MIB]
    bench.torch.cuda.mem_get_info = lambda _device: (free * MIB - sum(kept), 0)
    bench.torch.cuda.empty_cache = kept.clear  # what torch keeps for later is free as well
    assert probe.blocks_that_fit(bench) == blocks


def test_of_the_memory_of_the_whole_machine_half_is_tested() -> None:
    bench = cuda_bench((8, 7))
    bench.torch.cuda.mem_get_info = lambda _device: (16384 * MIB, 0)
    bench.torch.cuda.get_device_properties = lambda _index: SimpleNamespace(is_integrated=1)
    assert probe.blocks_that_fit(bench) == 28


def test_memory_that_windows_lends_is_nothing_to_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe.check_oom(cuda_bench((8, 6)), lambda size: size).status == "fail"
    monkeypatch.setattr(probe.sys, "platform", "win32")
    lent = probe.check_oom(cuda_bench((8, 6)), lambda size: size)
    assert (lent.status, lent.hint) == ("skip", "memory-not-limited")


def test_an_apple_gpu_whose_torch_does_not_tell_its_memory() -> None:
    old = probe.Bench(SimpleNamespace(mps=SimpleNamespace()), "mps", "mps")
    with pytest.raises(probe.Skip, match="how much memory"):
        probe.check_oom(old)


# Windows, containers, and the cuDNN of others.


def test_windows_has_no_nccl(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe.backend_of(cuda_bench((8, 6))) == "nccl"
    monkeypatch.setattr(probe.sys, "platform", "win32")
    assert probe.backend_of(cuda_bench((8, 6))) == "gloo"


@pytest.mark.parametrize(
    ("name", "container", "status"),
    [
        ("NVIDIA H100 80GB HBM3", False, "warn"),
        ("NVIDIA H100 80GB HBM3", True, "pass"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", False, "pass"),
    ],
)
def test_gpus_that_were_not_given_are_not_missed(
    monkeypatch: pytest.MonkeyPatch, name: str, container: bool, status: str
) -> None:
    for mask in probe.MASKS:
        monkeypatch.delenv(mask, raising=False)
    monkeypatch.setattr(probe, "devices_of", lambda _torch: [{"device": "cuda:0", "kind": "cuda", "name": name}])
    monkeypatch.setattr(probe, "in_container", lambda: container)
    monkeypatch.setattr(probe, "count_nvidia", lambda: (8, 1))
    assert probe.check_visible(cuda_bench((9, 0))).status == status


@pytest.mark.parametrize("mark", ["NVIDIA_VISIBLE_DEVICES", "KUBERNETES_SERVICE_HOST", "container"])
def test_a_container_is_known_by_its_marks(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    for name in ("NVIDIA_VISIBLE_DEVICES", "KUBERNETES_SERVICE_HOST", "container"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(probe.Path, "exists", lambda _path: False)
    assert not probe.in_container()
    monkeypatch.setenv(mark, "all")
    assert probe.in_container()


def test_the_cudnn_of_another_cuda_is_not_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "nvidia-cudnn-cu13":
            return "9.15.0.57"
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert probe.shipped_cudnn("13.0") == "9.15.0.57"
    assert probe.shipped_cudnn("12.8") is None
    assert probe.shipped_cudnn("None") is None


def test_no_limit_is_so_short_that_a_cold_disk_reaches_it() -> None:
    assert min(spec.seconds for spec in probe.CHECKS) >= 120
    assert min(probe.BY_ID[name].seconds for name in ("cudnn", "conv")) >= 300


def test_mixed_precision_on_a_card_that_is_known_for_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = probe.Result("fail", 2.3, "loss", 0.7, "not learned", "wrong-results")
    monkeypatch.setattr(probe, "train", lambda *_given: (failed, None, None))
    bench = cuda_bench((7, 5), float16="torch.float16", bfloat16="torch.bfloat16")
    for name, hint in (("GeForce GTX 1650", "fp16-nan-without-tensor-cores"), ("Tesla T4", "wrong-results")):
        monkeypatch.setattr(probe, "facts_of", lambda _bench, name=name: probe.Facts(name))
        found = probe.check_amp(bench, scaler=object())
        assert (found.status, found.hint) == ("fail", hint)
