"""The whole probe on GPUs that compute on the CPU: each check for a GPU runs from the command line to the report.

What the hardware itself would do is not proved here: tests/gpu/run.py is for that.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.tools import NIGHTLY
from support.wrong_kernels import load_probe, probe_file

pytestmark = [pytest.mark.real, pytest.mark.torch, pytest.mark.xdist_group("torch")]

SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"
nightly = pytest.mark.skipif(not NIGHTLY, reason="waits for time limits: TORCHUP_NIGHTLY=1")
Checks = dict[tuple[str, str | None], dict[str, Any]]


def run(python: Path, *options: str, only: Sequence[str] = (), **wishes: Any) -> tuple[Checks, str]:
    environ = {
        name: value for name, value in os.environ.items() if "VISIBLE_DEVICES" not in name and name != "CUDA_HOME"
    }
    environ |= {"PYTHONPATH": str(SABOTAGE), "STAND_IN_GPUS": json.dumps(wishes)}
    chosen = [part for name in only for part in ("--only", name)]
    command = [str(python), str(probe_file()), "--json", "--gpu-expected", "yes", *options, *chosen]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=1800, check=False)
    report = json.loads(done.stdout)
    return {(check["id"], check["gpu"]): check for check in report["checks"]}, report["verdict"]


def bad(checks: Checks) -> list[Any]:
    return [check for check in checks.values() if check["status"] not in ("pass", "skip")]


def test_quick_on_an_nvidia_gpu(python_with_torch: Path) -> None:
    checks, verdict = run(python_with_torch, count=1)
    assert verdict == "pass", bad(checks)
    expected = {spec.id for spec in load_probe().chosen_checks("quick") if "cuda" in spec.kinds and not spec.together}
    assert {name for name, gpu in checks if gpu == "cuda:0"} == expected
    assert {name for (name, _), check in checks.items() if check["status"] == "skip"} <= {"companions"}


def test_quick_on_an_amd_gpu(python_with_torch: Path) -> None:
    only = ["arch", "health", "alloc", "copy", "exact-bf16", "exact-fp8", "conv", "train-linreg", "health-after"]
    checks, verdict = run(python_with_torch, only=only, count=1, kind="hip", name="AMD Instinct MI300X")
    assert verdict == "pass", bad(checks)
    assert checks["arch", "cuda:0"]["value"] == "gfx942"
    skipped = {name for (name, _), check in checks.items() if check["status"] == "skip"}
    assert skipped <= {"companions", "health", "health-after"}, "the machine has no amdgpu driver"


ALONE = ("exact-int", "graph", "pcie", "membw", "tflops", "tflops-fp32", "throttle", "memtest", "oom", "compile")


@pytest.fixture(scope="module")
def full(python_with_torch: Path) -> Checks:
    # Those that compute in large on the CPU are left out; the quick level and the CPU's own run have them.
    return run(python_with_torch, "--level", "standard", only=[*ALONE, "extension", "amp"], count=1)[0]


def test_speed_is_measured_and_compared_with_the_card(full: Checks) -> None:
    for name, value, unit in (
        ("pcie", 55.0, "GB/s"),
        ("membw", 2500.0, "GB/s"),
        ("tflops", 760.0, "TFLOPS"),
        ("tflops-fp32", 50.0, "TFLOPS"),
    ):
        check = full[name, "cuda:0"]
        assert (check["status"], check["unit"]) == ("pass", unit), check["detail"]
        assert check["value"] == pytest.approx(value, rel=0.01), name
        assert check["threshold"] < value


def test_the_other_checks_of_one_gpu_pass(full: Checks) -> None:
    assert not bad(full)
    for name in ("graph", "throttle", "oom", "compile", "amp"):
        assert full[name, "cuda:0"]["status"] == "pass", full[name, "cuda:0"]


def test_a_slow_gpu_is_degraded_and_a_very_slow_one_failed(python_with_torch: Path) -> None:
    slow, verdict = run(
        python_with_torch, "--level", "standard", only=["exact-int", "tflops", "membw"], count=1, tflops=400.0
    )
    assert (slow["tflops", "cuda:0"]["status"], slow["membw", "cuda:0"]["status"]) == ("warn", "pass")
    assert (slow["tflops", "cuda:0"]["hint"], verdict) == ("gpu-slow", "degraded")


def test_a_gpu_that_its_driver_calls_broken(python_with_torch: Path) -> None:
    broken = {"nvmlDeviceGetRemappedRows": [0, 1, 1, 0]}
    checks, verdict = run(python_with_torch, only=["exact-int", "health", "health-after"], count=1, nvml=broken)
    assert verdict == "fail"
    assert checks["health", "cuda:0"]["hint"] == checks["health-after", "cuda:0"]["hint"] == "ecc-uncorrectable"


def test_a_compiler_that_compiles_nothing_is_found_out(python_with_torch: Path) -> None:
    checks, _ = run(
        python_with_torch, "--level", "standard", only=["compile"], count=1, faults=["compile-runs-eagerly"]
    )
    assert (checks["compile", "cuda:0"]["status"], checks["compile", "cuda:0"]["hint"]) == ("fail", "compile-failed")


TOGETHER = ("exact-int", "p2p", "nccl", "ddp", "soak")


def test_two_gpus_together(python_with_torch: Path) -> None:
    checks, verdict = run(python_with_torch, "--level", "full", "--soak-seconds", "1", only=[*TOGETHER, "graph"])
    assert verdict == "pass", bad(checks)
    for name in TOGETHER[1:]:
        assert checks[name, None]["status"] == "pass", checks[name, None]
    assert "2 pairs, 2 of them with direct access" in checks["p2p", None]["detail"]
    assert "between 2 processes" in checks["nccl", None]["detail"]
    # One process captures on both, each on a stream of its own.
    assert checks["graph", "cuda:0"]["status"] == checks["graph", "cuda:1"]["status"] == "pass"


def test_one_gpu_alone_skips_what_needs_two(python_with_torch: Path) -> None:
    checks, _ = run(python_with_torch, "--level", "standard", only=["exact-int", "p2p", "nccl"], count=1)
    assert checks["nccl", None]["status"] == "skip"
    assert "needs 2 GPUs" in checks["nccl", None]["detail"]


@nightly
@pytest.mark.parametrize(
    ("switch", "hint"), [("NCCL_P2P_DISABLE", "nccl-p2p-hang-acs"), ("NCCL_SHM_DISABLE", "shm-too-small")]
)
def test_a_hang_of_nccl_is_named_by_what_ends_it(python_with_torch: Path, switch: str, hint: str) -> None:
    checks, _ = run(
        python_with_torch,
        *("--level", "standard", "--timeout-scale", "0.2"),
        only=["exact-int", "nccl"],
        faults=[f"nccl-hangs-unless-{switch}"],
    )
    assert (checks["nccl", None]["status"], checks["nccl", None]["hint"]) == ("fail", hint)
    assert f"with {switch}=1 it works" in checks["nccl", None]["detail"]


@nightly
def test_copies_that_hang_are_named_by_their_pair(python_with_torch: Path) -> None:
    checks, _ = run(
        python_with_torch,
        *("--level", "standard", "--timeout-scale", "0.2"),
        only=["exact-int", "p2p"],
        faults=["copies-hang"],
    )
    assert (checks["p2p", None]["status"], checks["p2p", None]["hint"]) == ("timeout", "nccl-p2p-hang-acs")
    # Whatever is copied to the second device hangs, also before it is copied back: both pairs are tried.
    assert checks["p2p", None]["detail"] == "copies hang: cuda:0 to cuda:1, cuda:1 to cuda:0"
