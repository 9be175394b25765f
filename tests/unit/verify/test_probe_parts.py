"""The pure parts of the probe, without torch."""

from __future__ import annotations

import ast
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.wrong_kernels import load_probe
from torchup.verify import run
from torchup.verify.causes import known_causes
from torchup.verify.probe_archive import FOLDER

probe = load_probe()
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}


@pytest.mark.parametrize(
    ("built", "capability", "runs"),
    [
        ("sm_80", (8, 0), True),
        ("sm_80", (8, 6), True),
        ("sm_80", (8, 9), True),
        ("sm_86", (8, 0), False),
        ("sm_80", (9, 0), False),
        ("sm_90", (8, 9), False),
        ("sm_80", (8, 7), False),
        ("sm_87", (8, 7), True),
        ("sm_87", (8, 9), False),
        ("sm_60", (6, 2), False),
        ("sm_90a", (9, 0), True),
        ("sm_100a", (10, 3), False),
        ("sm_100f", (10, 3), True),
        ("sm_100f", (12, 0), False),
        ("sm_120", (12, 1), True),
        ("sm_101", (11, 0), True),
        ("sm_101", (10, 3), False),
        ("compute_80", (8, 0), False),
        ("gfx1100", (8, 0), False),
    ],
)
def test_which_kernels_serve_which_gpu(built: str, capability: tuple[int, int], runs: bool) -> None:
    assert probe.serves(built, capability) is runs


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("AssertionError: Torch not compiled with CUDA enabled", "cpu-wheel-installed"),
        ("RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version", "driver-too-old"),
        (
            "Error 803: system has unsupported display driver / cuda driver combination",
            "error-803-driver-mix",
        ),
        ("the provided PTX was compiled with an unsupported toolchain.", "ptx-unsupported-toolchain"),
        ("CUDA-capable device(s) is/are busy or unavailable", "exclusive-compute-mode"),
        ("CUDA error: uncorrectable ECC error encountered", "ecc-uncorrectable"),
        (
            "libcusparse.so.12: undefined symbol: __nvJitLinkAddData_12_1, version libnvJitLink.so.12",
            "nvjitlink-shadowed",
        ),
        ("/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found", "conda-libstdcxx-too-old"),
        ("/lib64/libc.so.6: version `GLIBC_2.28' not found", "glibc-too-old"),
        ("libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent", "mkl-ijit-notifyevent"),
        ("cannot enable executable stack as shared object requires: Invalid argument", "exec-stack-glibc-241"),
        ("flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda9SetDeviceEi", "extension-abi-undefined-symbol"),
        ("RuntimeError: operator torchvision::nms does not exist", "torchvision-nms-missing"),
        (
            "AttributeError: partially initialized module 'torch' has no attribute 'types' (most likely due to a circular import)",
            "torch-partially-initialized",
        ),
        ("RuntimeError: Numpy is not available", "numpy2-abi"),
        ("RuntimeError: HIP error: invalid device function", "rocm-unsupported-gfx"),
        ("OSError: [WinError 1455] The paging file is too small", "windows-paging-file"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "device-memory-full"),
        ("something nobody has seen", None),
    ],
)
def test_error_texts_name_their_cause(text: str, cause: str | None) -> None:
    assert probe.cause_of(text) == cause


def test_every_cause_that_the_probe_or_the_runner_names_is_explained() -> None:
    # A cause is named as a hint, in a table of causes, or as the value of a variable called so.
    sources = [*SOURCES.values(), Path(run.__file__).read_text()]
    named = set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', "\n".join(sources)))
    not_causes = {
        "utf-8",
        "python-not-startable",
        "not-run",
        # Two beginnings, each shared by several causes.
        "no-kernel-image",
        "rocm-unsupported",
        *probe.BY_ID,
    }
    assert named - not_causes <= set(known_causes())
    assert named >= {"cpu-wheel-installed", "wrong-results", "check-hung"}


def test_every_cause_says_what_to_do_and_where_it_was_seen() -> None:
    for name, cause in known_causes().items():
        assert cause.title, name
        assert cause.fix, name
        assert cause.sources, name


@pytest.mark.parametrize(
    ("number", "name", "cause"),
    [
        (signal.SIGILL, "SIGILL", "cpu-without-avx"),
        (signal.SIGBUS, "SIGBUS", "shm-too-small"),
        (signal.SIGKILL, "SIGKILL", "killed-out-of-memory"),
        (signal.SIGSEGV, "SIGSEGV", "native-crash"),
    ],
)
def test_deaths_are_named(number: signal.Signals, name: str, cause: str) -> None:
    sentence, found = probe.death_of(-number)
    assert name in sentence
    assert found == cause


def test_deaths_on_windows_and_plain_ends() -> None:
    assert probe.death_of(0xC000001D)[1] == "cpu-without-avx"
    assert probe.death_of(-1073741795)[1] == "cpu-without-avx"
    assert probe.death_of(3) == ("ended early with status 3", None)


def maps_line(path: Path) -> str:
    return f"7f0000000000-7f0000001000 r-xp 00000000 08:01 123456                     {path}\n"


def test_a_library_counts_as_shadowing_only_where_the_environment_has_its_own(tmp_path: Path) -> None:
    packages, system = tmp_path / "site-packages", tmp_path / "usr" / "local" / "cuda" / "lib64"
    own = packages / "nvidia" / "nvjitlink" / "lib"
    own.mkdir(parents=True)
    (own / "libnvJitLink.so.12").touch()
    maps = (
        maps_line(system / "libnvJitLink.so.12")
        + maps_line(system / "libcudart.so.12")
        + maps_line(tmp_path / "libc.so.6")
        + "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
    )
    assert probe.shadowing_libraries(maps, [str(packages)]) == {
        "libnvJitLink.so.12": str(system / "libnvJitLink.so.12")
    }
    assert probe.shadowing_libraries(maps_line(own / "libnvJitLink.so.12"), [str(packages)]) == {}


def test_nvidia_gpus_on_the_bus(tmp_path: Path) -> None:
    for address, vendor, kind in (
        ("0000:01:00.0", "0x10de", "0x030000"),
        ("0000:01:00.1", "0x10de", "0x040300"),  # the card's sound
        ("0000:02:00.0", "0x10de", "0x030200"),
        ("0000:00:02.0", "0x8086", "0x030000"),
        ("0000:03:00.0", "0x10de", "0x068000"),  # an NVSwitch
    ):
        (tmp_path / address).mkdir()
        (tmp_path / address / "vendor").write_text(vendor + "\n")
        (tmp_path / address / "class").write_text(kind + "\n")
    assert probe.nvidia_on_bus(str(tmp_path)) == ["0000:01:00.0", "0000:02:00.0"]


def test_variables_that_matter_and_no_secrets() -> None:
    environ = {
        "CUDA_HOME": "/usr/local/cuda",
        "LD_LIBRARY_PATH": "/x",
        "NCCL_DEBUG": "INFO",
        "TORCH_TOKEN": "s3cret",
        "HOME": "/home/ada",
        "NVIDIA_API_KEY": "s3cret",
    }
    assert probe.relevant_variables(environ) == {
        "CUDA_HOME": "/usr/local/cuda",
        "LD_LIBRARY_PATH": "/x",
        "NCCL_DEBUG": "INFO",
    }


def test_personal_things_are_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(probe.platform, "node", lambda: "enigma")
    number = "12345678-abcd-0000-0000-123456789abc"
    report = {"a": ["/home/ada/env on enigma"], "b": f"GPU-{number},MIG-{number}", "c": 3}
    assert probe.scrub(report) == {"a": ["~/env on <host>"], "b": "GPU-...,MIG-...", "c": 3}


def test_levels_hold_each_other() -> None:
    quick, standard, full = ({spec.id for spec in probe.chosen_checks(level)} for level in probe.LEVELS)
    assert quick < standard < full == {spec.id for spec in probe.CHECKS}
    for kind in probe.ALL:
        by_level = [{spec.id for spec in probe.chosen_checks(level) if kind in spec.kinds} for level in probe.LEVELS]
        assert by_level[0] < by_level[1] <= by_level[2], kind


# What the design lists for each kind of device, beside what is asked once (import, build, visible).
@pytest.mark.parametrize(
    ("kind", "has", "has_not"),
    [
        (
            "cpu",
            {"exact-fp32", "exact-bf16", "reduce", "rng", "train-cnn", "compile", "gloo", "ddp"},
            {"nccl", "graph"},
        ),
        (
            "cuda",
            {"arch", "health", "cudnn", "matmul-tf32", "exact-fp8", "extension", "throttle", "p2p"},
            {"gloo", "conv"},
        ),
        ("hip", {"arch", "conv", "matmul-fp8", "nccl", "ddp", "graph", "oom", "membw"}, {"matmul-tf32", "cudnn"}),
        ("xpu", {"copy", "linalg", "sparse", "amp", "compile"}, {"oom", "nccl", "arch"}),
        ("mps", {"copy", "exact-fp16", "conv", "train-cnn", "oom"}, {"matmul-fp64", "matmul-fp8", "fft", "amp"}),
    ],
)
def test_what_runs_on_which_kind_of_device(kind: str, has: set[str], has_not: set[str]) -> None:
    runs = {spec.id for spec in probe.CHECKS if kind in spec.kinds}
    assert has <= runs
    assert not has_not & runs


def test_the_probe_is_written_for_python_3_9() -> None:
    # Grammar by the parser itself; what 3.9 lacks in its library shows in the names that are used.
    nodes = [node for text in SOURCES.values() for node in ast.walk(ast.parse(text, feature_version=(3, 9)))]
    called = [node for node in nodes if isinstance(node, ast.Call)]
    assert not [call for call in called if any(word.arg in ("strict", "slots", "kw_only") for word in call.keywords)]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.id for node in nodes if isinstance(node, ast.Name)}
    newer = {"pairwise", "batched", "ExceptionGroup", "TaskGroup", "tomllib", "StrEnum", "aiter", "anext", "bit_count"}
    assert not used & newer
    # `int | None` is evaluated where it is not an annotation, which 3.9 cannot.
    assert not [node for node in nodes if isinstance(node, ast.Match)]


def test_the_probe_uses_the_standard_library_only() -> None:
    nodes = [node for text in SOURCES.values() for node in ast.walk(ast.parse(text))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_probe_itself_never_imports_torch_at_the_top() -> None:
    source = "\n".join(SOURCES.values())
    assert not re.search(r"^\s*(import|from) torch", source, re.MULTILINE)


def test_the_words_of_a_dying_worker() -> None:
    dump = """some warning
Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "/a/torch/ops.py", line 12 in matmul
  File "/b/tensor_probe.py", line 700 in check_exact
"""
    assert probe.summarize_stderr(dump) == "matmul (ops.py:12) < check_exact (tensor_probe.py:700)"
    assert probe.summarize_stderr("one\n\ntwo\n") == "one | two"
    assert probe.summarize_stderr("") == ""


class OldSwitches:
    """The switches of torch 2.0: what it does not know raises AssertionError."""

    allow_tf32 = True
    allow_fp16_reduced_precision_reduction = True

    def __getattr__(self, name: str) -> None:
        raise AssertionError("Unknown attribute " + name)


def test_full_precision_is_switched_on_and_back_in_the_oldest_torch() -> None:
    matmul, cudnn = OldSwitches(), SimpleNamespace(allow_tf32=True)
    torch = SimpleNamespace(backends=SimpleNamespace(cuda=SimpleNamespace(matmul=matmul), cudnn=cudnn))
    with probe.strict_math(torch):
        assert (matmul.allow_tf32, cudnn.allow_tf32, matmul.allow_fp16_reduced_precision_reduction) == (False,) * 3
    with probe.strict_math(torch, tf32=True):
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (True, True)
    assert (matmul.allow_tf32, cudnn.allow_tf32, matmul.allow_fp16_reduced_precision_reduction) == (True,) * 3
    assert "fp32_precision" not in vars(matmul)


def test_what_an_old_torch_lacks_is_skipped() -> None:
    ampere = SimpleNamespace(get_device_capability=lambda _device: (8, 0))
    hopper = SimpleNamespace(get_device_capability=lambda _device: (9, 0))
    for cuda, reason in ((ampere, "8.9"), (hopper, "no fp8 products")):
        old = probe.Bench(SimpleNamespace(cuda=cuda), "cuda:0", "cuda")
        with pytest.raises(probe.Skip, match=reason):
            probe.usable_fp8(old)
    with pytest.raises(probe.Skip, match=r"torch\.compile"):
        probe.check_compile(probe.Bench(SimpleNamespace()))
    assert probe.grad_scaler(probe.Bench(SimpleNamespace(amp=SimpleNamespace()), "cpu", "cpu")) is None
    assert probe.attention_backends(SimpleNamespace(nn=SimpleNamespace()))[0][0] == "default"
