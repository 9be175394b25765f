"""What the probe decides from numbers: speed, links, clocks, health, processes, compilers. No torch is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.wrong_kernels import load_probe

probe = load_probe()
MIB = probe.MIB


# Reference figures of the card and what others measured on it with a plain matmul (TFLOPS).
@pytest.mark.parametrize(
    ("name", "capability", "published", "measured"),
    [
        ("NVIDIA GeForce RTX 2080 Ti", (7, 5), 53.8, 58.6),
        ("NVIDIA GeForce RTX 3090", (8, 6), 71.2, 76.7),
        ("NVIDIA GeForce RTX 4090", (8, 9), 165.2, 179.0),
        ("NVIDIA GeForce RTX 5090", (12, 0), 209.5, 254.0),
        ("NVIDIA GeForce RTX 5090", (12, 0), 209.5, 179.0),
        ("Tesla T4", (7, 5), 65.1, 41.9),
        ("Tesla V100-SXM2-16GB", (7, 0), 125.3, 94.8),
        ("NVIDIA A100-PCIE-40GB", (8, 0), 312.0, 234.0),
        ("NVIDIA A100-SXM4-80GB", (8, 0), 312.0, 271.0),
        ("NVIDIA L4", (8, 9), 121.0, 69.0),
        ("NVIDIA L40S", (8, 9), 366.0, 264.0),
        ("NVIDIA H100 PCIe", (9, 0), 756.0, 458.0),
        ("NVIDIA H100 80GB HBM3", (9, 0), 989.0, 798.0),
        ("NVIDIA H200", (9, 0), 989.0, 759.0),
        ("NVIDIA B200", (10, 0), 2250.0, 1628.0),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", (12, 0), 504.0, 409.0),
    ],
)
def test_what_others_have_measured_passes(
    name: str, capability: tuple[int, int], published: float, measured: float
) -> None:
    reference = probe.reference_of(probe.Facts(name, capability), "half")
    assert (probe.card_of(name).half, reference.source) == (published, "table")
    assert probe.judge_speed(measured, reference, "TFLOPS", "matmul").status == "pass"
    assert probe.judge_speed(0.7 * reference.expected, reference, "TFLOPS", "matmul").status == "warn"
    assert probe.judge_speed(0.24 * reference.expected, reference, "TFLOPS", "matmul").status == "fail"
    discarded = probe.judge_speed(1.5 * published, reference, "TFLOPS", "matmul")
    assert (discarded.status, discarded.value, discarded.hint) == ("error", None, "timing-wrong")


def test_sparse_figures_are_never_taken_for_dense_ones() -> None:
    # 1979 is what vendors print for an H100 with sparsity, 330 for a 4090 with fp16 accumulation.
    for name, figure in (("NVIDIA H100 80GB HBM3", 1979.0), ("NVIDIA GeForce RTX 4090", 330.0)):
        reference = probe.reference_of(probe.Facts(name), "half")
        assert probe.judge_speed(figure, reference, "TFLOPS", "matmul").status == "error"


@pytest.mark.parametrize(
    ("name", "capability", "units", "clock", "peak"),
    [
        ("NVIDIA GeForce RTX 3060 Ti", (8, 6), 38, 1.665, 32.4),
        ("NVIDIA RTX A6000", (8, 6), 84, 1.800, 154.8),
        ("NVIDIA GH200 480GB", (9, 0), 132, 1.830, 989.4),
        ("Quadro RTX 8000", (7, 5), 72, 1.770, 130.5),
        ("NVIDIA GeForce RTX 3080 Laptop GPU", (8, 6), 48, 1.710, 42.0),
    ],
)
def test_the_formula_gives_the_peak_of_cards_that_are_not_in_the_table(
    name: str, capability: tuple[int, int], units: int, clock: float, peak: float
) -> None:
    assert probe.card_of(name) is None
    reference = probe.reference_of(probe.Facts(name, capability, units, clock), "half")
    assert reference.source == "formula"
    assert reference.expected / probe.default_share(name) == pytest.approx(peak, rel=0.01)


@pytest.mark.parametrize(
    ("name", "capability", "units", "clock"),
    [
        ("NVIDIA GeForce RTX 4090", (8, 9), 128, 2.520),
        ("NVIDIA A100-SXM4-80GB", (8, 0), 108, 1.410),
        ("Tesla T4", (7, 5), 40, 1.590),
        ("Tesla V100-SXM2-16GB", (7, 0), 80, 1.530),
        ("NVIDIA H100 80GB HBM3", (9, 0), 132, 1.830),
    ],
)
def test_the_formula_agrees_with_the_table(name: str, capability: tuple[int, int], units: int, clock: float) -> None:
    rate = probe.TENSOR_RATE[capability]["GeForce" not in name]
    assert units * rate * clock / 1000 == pytest.approx(probe.card_of(name).half, rel=0.01)
    single = units * 2 * probe.CORES[capability] * clock / 1000
    assert single == pytest.approx(probe.card_of(name).single, rel=0.08)


def test_memory_has_a_reference_from_the_table_from_measurements_or_from_the_bus() -> None:
    assert probe.reference_of(probe.Facts("NVIDIA H100 80GB HBM3"), "memory").expected == 2540
    assert probe.reference_of(probe.Facts("NVIDIA H100 NVL"), "memory") == (2724, math.inf, "table")
    # RTX 3060 Ti: 7 GHz, 256 bits, 448 GB/s.
    bus = probe.reference_of(probe.Facts("NVIDIA GeForce RTX 3060 Ti", memory_clock=7.001, bus=256), "memory")
    assert bus.expected == pytest.approx(448 * 0.75, rel=0.01)
    assert probe.reference_of(probe.Facts("NVIDIA GeForce RTX 3060 Ti"), "memory") is None


@pytest.mark.parametrize("facts", [probe.Facts("AMD Instinct MI300X"), probe.Facts("NVIDIA A100-SXM4-80GB", mig=True)])
def test_a_figure_without_a_reference_is_shown_and_is_no_pass(facts: Any) -> None:
    result = probe.judge_speed(500.0, probe.reference_of(facts, "half"), "TFLOPS", "matmul")
    assert (result.status, result.value, result.threshold) == ("skip", 500.0, None)


@pytest.mark.parametrize(
    ("up", "down", "link", "status"),
    [
        (26.3, 26.1, (4, 16, 16), "pass"),
        (12.9, 13.1, (3, 16, 16), "pass"),
        (55.4, 55.0, (5, 16, 16), "pass"),
        (26.3, 12.0, (4, 16, 16), "warn"),
        (6.5, 6.6, (4, 4, 16), "warn"),
        (1.5, 1.5, (4, 16, 16), "fail"),
        (40.0, 26.0, (4, 16, 16), "error"),
        (26.3, 26.1, None, "skip"),
        (26.3, 26.1, (9, 16, 16), "skip"),
    ],
)
def test_links(up: float, down: float, link: tuple[int, int, int] | None, status: str) -> None:
    assert probe.judge_pcie(up, down, link and probe.Link(*link)).status == status


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ([0x0] * 50, "pass"),
        ([0x4] * 50, "pass"),
        ([0x1, 0x2] * 25, "pass"),
        ([0x8] * 2 + [0x0] * 48, "pass"),
        ([0x8] * 3 + [0x0] * 47, "warn"),
        ([0x24] * 50, "warn"),
        ([0x40] * 50, "warn"),
        ([0x80] * 50, "warn"),
    ],
)
def test_reasons_of_clocks(reasons: list[int], status: str) -> None:
    assert probe.judge_throttle([{"reasons": reason} for reason in reasons]).status == status


def test_clocks_without_reasons_are_not_judged() -> None:
    with pytest.raises(probe.Skip):
        probe.judge_throttle([{"clock": 1755}])


SOUND = {"uncorrected since load": 0, "rows pending": 0, "compute mode": 0, "fabric": 0, "recovery": 0, "xids": []}


@pytest.mark.parametrize(
    ("changed", "before", "status", "hint"),
    [
        ({}, None, "pass", None),
        ({"fabric": 3, "compute mode": 3, "MIG": 1}, None, "pass", None),
        ({"rows pending": 1}, None, "fail", "ecc-uncorrectable"),
        ({"rows failed": 1}, None, "fail", "ecc-uncorrectable"),
        ({"pages pending": 1}, None, "fail", "ecc-uncorrectable"),
        ({"compute mode": 2}, None, "fail", "exclusive-compute-mode"),
        ({"fabric": 1}, None, "fail", "fabric-manager-missing"),
        ({"fabric": 2}, None, "fail", "fabric-manager-missing"),
        ({"recovery": 1}, None, "fail", "gpu-needs-reset"),
        ({"uncorrected since load": 2}, None, "warn", "ecc-uncorrectable"),
        ({"uncorrected since load": 2}, {"uncorrected since load": 2}, "pass", None),
        ({"uncorrected since load": 3}, {"uncorrected since load": 2}, "fail", "ecc-uncorrectable"),
        ({"xids": [31, 13]}, None, "pass", None),
        ({"xids": [79]}, None, "warn", "xid-79-fallen-off-bus"),
        ({"xids": [31, 31]}, {"xids": [31]}, "fail", "gpu-xid"),
        ({"xids": [63, 48]}, {"xids": [63]}, "fail", "ecc-uncorrectable"),
        ({"xids": [31]}, {"xids": [79, 31]}, "pass", None),
    ],
)
def test_health(changed: dict[str, Any], before: dict[str, Any] | None, status: str, hint: str | None) -> None:
    result = probe.judge_health({**SOUND, **changed}, None if before is None else {**SOUND, **before})
    assert (result.status, result.hint) == (status, hint), result.detail
    assert result.extra["notes"]["health"] == {**SOUND, **changed}


def test_a_log_that_may_not_be_read_is_said() -> None:
    result = probe.judge_health({"uncorrected since load": 0}, None)
    assert "may not be read" in result.detail


KERNEL_LOG = """\
[  10.1] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06
[ 500.3] NVRM: Xid (PCI:0000:65:00): 31, pid=4242, name=python, Ch 00000008, intr 10000000
[ 600.3] NVRM: Xid (0000:01:00): 48, An uncorrectable double bit error (DBE) has been detected
[ 700.9] NVRM: GPU at PCI:0000:01:00: GPU-1234
[ 701.0] NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
[ 702.0] NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.
[ 703.1] NVRM: The NVIDIA GPU 0000:3b:00.0 (PCI ID: 10de:1b06)
               NVRM: installed in this system is not supported by the
[ 704.0] NVRM: The NVIDIA GPU 0000:5D:00.0
               NVRM: (PCI ID: 10de:2330) installed in this system has
               NVRM: fallen off the bus and is not responding to commands.
[ 705.0] NVRM: The NVIDIA GPU 0000:5e:00.0 (PCI ID: 10de:2d04) installed in this system has
[ 705.0] NVRM: fallen off the bus and is not responding to commands.
"""


def test_xids_in_a_kernel_log() -> None:
    assert probe.xids_in(KERNEL_LOG) == [31, 48, 79, 79, 79, 79]


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        ("0000:65:00.0", [31]),
        ("00000000:01:00.0", [48, 79, 79]),
        ("0000:5d:00.0", [79]),
        ("0000:5E:00.0", [79]),
        ("0000:3b:00.0", []),
        ("0001:01:00.0", []),
    ],
)
def test_xids_of_one_gpu(address: str, numbers: list[int]) -> None:
    assert probe.xids_in(KERNEL_LOG, address) == numbers


@pytest.mark.parametrize(
    ("before", "during", "after", "said"),
    [
        (8000, 7744, 8000, None),
        (8000, 7700, 7950, None),
        (8000, 8000, 8000, "fell by 0 MiB only"),
        (8000, 8200, 8200, "fell by -200 MiB only"),
        (8000, 7744, 7744, "grew by 0 MiB only"),
    ],
)
def test_free_memory_has_to_move(before: int, during: int, after: int, said: str | None) -> None:
    found = probe.memory_that_did_not_move(before * MIB, during * MIB, after * MIB)
    assert (found is None) if said is None else said in found


@pytest.mark.parametrize(
    ("nvcc", "built_for", "gcc", "hint"),
    [
        ("13.0", "13.0", "12.2.0", None),
        ("13.0", "13.2", "12.2.0", None),
        ("12.6", "12.8", "13.3.0", None),
        ("12.6", "12.8", "14.2.0", "gcc-too-new-for-nvcc"),
        ("13.0", "12.8", "12.2.0", "nvcc-cuda-mismatch"),
        ("12.9", "12.8", None, None),
        ("14.1", "14.1", "17.1.0", None),
        (None, "12.8", "12.2.0", "nvcc-cuda-mismatch"),
    ],
)
def test_toolchains(nvcc: str | None, built_for: str, gcc: str | None, hint: str | None) -> None:
    result = probe.judge_toolchain(nvcc, built_for, gcc)
    assert (result.hint if result else None) == hint


@pytest.mark.parametrize(("number", "text"), [(8902, "8.9.2"), (91002, "9.10.2"), (90100, "9.1.0"), (None, "none")])
def test_versions_of_cudnn(number: int | None, text: str) -> None:
    assert probe.cudnn_text(number) == text


def bench(kind: str = "cuda", devices: int = 2) -> Any:
    return probe.Bench(None, f"{kind}:0", kind, devices=tuple(f"{kind}:{index}" for index in range(devices)))


RIGHT = {"ran": ["all_reduce"], "wrong": [], "missing": [], "busbw": 12.5}


def run_that(answers: Callable[[dict[str, str]], Any]) -> Callable[..., list[Any]]:
    """Make a stand-in for run_members: what the second process does depends on the variables."""

    def run(_task: str, on: Any, _seconds: float, _settings: Any, **variables: str) -> list[Any]:
        return [probe.Ended("answered", RIGHT)] * (len(on.devices) - 1) + [answers(variables)]

    return run


@pytest.mark.parametrize(
    ("works_with", "hint", "status"),
    [
        ("NCCL_P2P_DISABLE", "nccl-p2p-hang-acs", "fail"),
        ("NCCL_SHM_DISABLE", "shm-too-small", "fail"),
        ("nothing", "check-hung", "timeout"),
    ],
)
def test_a_hang_of_nccl_is_tried_again_with_one_way_switched_off(works_with: str, hint: str, status: str) -> None:
    run = run_that(
        lambda variables: (
            probe.Ended("answered", RIGHT)
            if works_with in variables
            else probe.Ended("hung", "all_reduce (c10d.py:12)")
        )
    )
    result = probe.check_collectives(bench(), run)
    assert (result.status, result.hint) == (status, hint)
    assert "hung: all_reduce (c10d.py:12)" in result.detail


def test_a_death_of_gloo_is_not_tried_with_switches_of_nccl() -> None:
    run = run_that(lambda variables: probe.Ended("died", f"it died; {variables}"))
    result = probe.check_collectives(bench("cpu"), run)
    assert (result.status, result.hint) == ("fail", "operation-failed")
    assert "{}" in result.detail


def test_collectives_that_are_right_tell_the_bandwidth() -> None:
    result = probe.check_collectives(bench(), run_that(lambda _: probe.Ended("answered", RIGHT)))
    assert (result.status, result.value, result.unit) == ("pass", 12.5, "GB/s")


def test_a_copy_that_hangs_is_named_by_its_pair_and_the_rest_still_runs() -> None:
    asked = []

    def run(_task: str, _on: Any, _seconds: float, settings: Any) -> list[Any]:
        asked.append(settings["pairs"])
        first = settings["pairs"][0]
        if first == ["cuda:0", "cuda:1"]:
            Path(settings["progress"]).write_text('["cuda:0", "cuda:1"]\n')
            return [probe.Ended("hung", "to (tensor_probe.py:1)")]
        return [probe.Ended("answered", [[*first, True, 0]])]

    result = probe.check_p2p(probe.Bench(None, "cuda:0", "hip", devices=("cuda:0", "cuda:1")), run)
    assert asked == [[["cuda:0", "cuda:1"], ["cuda:1", "cuda:0"]], [["cuda:1", "cuda:0"]]]
    assert (result.status, result.hint) == ("timeout", "nccl-p2p-hang-acs")
    assert "cuda:0 to cuda:1" in result.detail


def test_pairs_of_gpus() -> None:
    fine = probe.judge_p2p([["a", "b", True, 0], ["b", "a", False, 0]], [], {("b", "a"): "topology"})
    assert fine.status == "pass"
    assert "1 of them with direct access" in fine.detail
    assert "topology" in fine.detail
    assert probe.judge_p2p([["a", "b", True, 7]], [], {}).hint == "nccl-p2p-hang-acs"
    assert probe.judge_p2p([["a", "b", True, 0]], [["b", "a"]], {}).status == "timeout"


def soaked(device: str, speed: float, wrong: int = 0, reasons: tuple[int, ...] = (4,)) -> dict[str, Any]:
    return {"device": device, "name": "H100", "runs": 100, "wrong": wrong, "speed": speed, "reasons": list(reasons)}


def test_a_soak_compares_equal_cards() -> None:
    assert probe.judge_soak([soaked("cuda:0", 100), soaked("cuda:1", 95)], 60).status == "pass"
    slower = probe.judge_soak([soaked("cuda:0", 100), soaked("cuda:1", 85)], 60)
    assert (slower.status, slower.hint) == ("warn", "gpu-slow")
    assert probe.judge_soak([soaked("cuda:0", 100), soaked("cuda:1", 100, wrong=1)], 60).status == "fail"
    hot = probe.judge_soak([soaked("cuda:0", 100, reasons=(0x40,))], 60)
    assert (hot.status, hot.hint) == ("warn", "gpu-throttled")


def test_how_a_process_of_a_group_ended() -> None:
    dump = 'Timeout (0:00:20)!\nThread 0x1 (most recent call first):\n  File "/a/c10d.py", line 5 in all_reduce\n'
    assert probe.ended(0, False, 'noise\nanswer: {"a": 1}\n', "") == ("answered", {"a": 1})
    assert probe.ended(-9, True, "", dump) == ("hung", "all_reduce (c10d.py:5)")
    assert probe.ended(1, False, "", dump).how == "hung"
    died = probe.ended(-11, False, "", "Fatal\n")
    assert (died.how, "SIGSEGV" in died.said) == ("died", True)
    assert probe.ended(1, False, 'answer: {"a": 1}\n', "late\n").how == "died"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "RuntimeError: The detected CUDA version (12.6) mismatches the version that was used to compile PyTorch (13.0).",
            "nvcc-cuda-mismatch",
        ),
        (
            "error: #error -- unsupported GNU version! gcc versions later than 13 are not supported!",
            "gcc-too-new-for-nvcc",
        ),
        ("fatal error: Python.h: No such file or directory", "python-h-missing"),
        ("ModuleNotFoundError: No module named 'pkg_resources'", "setuptools-82-pkg-resources"),
        ("/usr/bin/ld: cannot find -lcuda: No such file or directory", "triton-libcuda-not-found"),
        ("ImportError: /tmp/x.so: failed to map segment from shared object", "tmp-noexec"),
        ("PermissionError: [Errno 13] Permission denied: '/root/.triton'", "jit-cache-not-writable"),
        ("RuntimeError: Cannot find a working triton installation.", "windows-triton-missing"),
        ("InvalidCxxCompiler: No working C++ compiler found in ['g++']", "no-compiler"),
    ],
)
def test_errors_of_compilers_name_their_cause(text: str, cause: str) -> None:
    assert probe.cause_of(text) == cause
