"""The probe with real torch on the CPU: everything passes, and what is broken on purpose is named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.torch_environment import TORCH
from support.wrong_kernels import probe_file
from torchup.knowledge.host_compilers import compiler_limits
from torchup.model.outcome import Check, Report
from torchup.verify.run import verify

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]

SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"
PLAIN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_PRELOAD")}


def run(python: Path, *, environ: Mapping[str, str] = PLAIN, gpu_expected: bool = False, **wishes: Any) -> Report:
    return verify(
        python=str(python),
        level=wishes.pop("level", "quick"),
        expected_version=wishes.pop("version", TORCH),
        expected_variant=wishes.pop("variant", "cpu"),
        environ=environ,
        gpu_expected=gpu_expected,
        **wishes,
    )


def named(report: Report, name: str) -> Check:
    (check,) = (check for check in report.checks if check.id == name)
    return check


@pytest.fixture(scope="module")
def standard(python_with_torch: Path) -> Report:
    return run(python_with_torch, level="standard")


def test_a_good_installation_passes(standard: Report, python_with_torch: Path) -> None:
    assert standard.verdict == "pass", [check for check in standard.checks if check.status != "pass"]
    assert standard.python == str(python_with_torch)
    assert (standard.variant, standard.devices) == ("cpu", ("cpu",))
    assert {check.id for check in standard.checks if check.status == "skip"} <= {"companions"}
    assert named(standard, "train-cnn").level == "standard"
    assert named(standard, "exact-fp32").value == 0


def test_a_check_that_ran_says_what_it_measured(standard: Report) -> None:
    limits = {check.id: (check.value, check.threshold) for check in standard.checks if check.threshold}
    for name in ("matmul-fp32", "matmul-bf16", "fft", "sparse"):
        value, threshold = limits[name]
        assert isinstance(value, float)
        assert threshold is not None
        assert 0 < value <= threshold


def test_the_report_is_scrubbed_of_the_home_folder(python_with_torch: Path) -> None:
    home = str(python_with_torch.parents[1])
    done = subprocess.run(
        [python_with_torch, probe_file(), "--json", "--only", "exact-int"],
        env={**PLAIN, "HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    assert home not in done.stdout
    assert json.loads(done.stdout)["environment"]["torch_file"].startswith("~")


def test_a_cpu_build_where_a_gpu_build_was_planned(python_with_torch: Path) -> None:
    report = run(python_with_torch, variant="cu126", gpu_expected=True)
    assert report.verdict == "fail"
    assert (named(report, "build").status, named(report, "build").hint) == ("fail", "cpu-wheel-installed")
    assert "cpu-wheel-installed" in report.environment["causes"]


def test_a_cpu_result_on_a_machine_with_a_gpu_is_not_a_pass(python_with_torch: Path) -> None:
    report = run(python_with_torch, version=None, variant=None, gpu_expected=True)
    assert report.verdict == "degraded"
    assert named(report, "visible").status == "warn"
    assert named(report, "exact-fp32").status == "pass"


def test_another_version_than_planned(python_with_torch: Path) -> None:
    report = run(python_with_torch, version="2.12.0")
    assert (report.verdict, named(report, "build").hint) == ("fail", "build-differs-from-plan")


@pytest.fixture(scope="module")
def broken(python_with_torch: Path) -> Callable[[str], Report]:
    """Run quick with one thing broken; each kind runs once."""

    @cache
    def broken_by(sabotage: str) -> Report:
        return run(python_with_torch, environ={**PLAIN, "PYTHONPATH": str(SABOTAGE), "SABOTAGE": sabotage})

    return broken_by


@pytest.mark.parametrize(
    ("sabotage", "check", "status", "hint", "said"),
    [
        ("segfault", "exact-fp32", "fail", "native-crash", "SIGSEGV"),
        ("killed", "exact-fp32", "fail", "killed-out-of-memory", "SIGKILL"),
        ("nan", "exact-fp32", "fail", "wrong-results", "nan for"),
        ("nan", "matmul-fp32", "fail", "wrong-results", "NaN"),
        ("memory", "exact-fp32", "error", "device-memory-full", "out of memory"),
        ("lost", "exact-fp32", "fail", "operation-failed", "illegal memory access"),
    ],
)
def test_what_breaks_is_named(
    broken: Callable[[str], Report], sabotage: str, check: str, status: str, hint: str, said: str
) -> None:
    found = named(broken(sabotage), check)
    assert (found.status, found.hint) == (status, hint)
    assert said in found.detail


def test_the_checks_after_a_crash_still_run(broken: Callable[[str], Report]) -> None:
    report = broken("crash-once")
    crashed = named(report, "sort")
    assert (crashed.status, crashed.hint) == ("fail", "shm-too-small")
    assert "SIGBUS" in crashed.detail
    assert named(report, "rng").status == "pass"
    assert named(report, "train-linreg").status == "pass"
    assert report.verdict == "fail"


def test_checks_that_found_no_memory_are_no_pass(broken: Callable[[str], Report]) -> None:
    # exact-int needs no matmul and passes, so something was proved, but not all of it.
    assert broken("memory").verdict == "degraded"


def test_a_hang_ends_with_the_place_where_it_was(python_with_torch: Path) -> None:
    environ = {**PLAIN, "PYTHONPATH": str(SABOTAGE), "SABOTAGE": "hang"}
    done = subprocess.run(
        [
            python_with_torch,
            probe_file(),
            "--json",
            "--only",
            "exact-int",
            "--only",
            "exact-bf16",
            "--timeout-scale",
            "0.1",
        ],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    checks = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["exact-bf16"]["status"] == "timeout"
    assert "hang (sitecustomize.py" in checks["exact-bf16"]["detail"]
    assert checks["exact-int"]["status"] == "pass"


def test_our_rule_for_kernels_agrees_with_torchs_own(python_with_torch: Path) -> None:
    lines = f"""
import json, sys
from torch.cuda import DEVICE_REQUIREMENT, _code_compatible_with_device
sys.path.insert(0, {str(probe_file())!r})
from tensor_probe.arch import serves
devices = (50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90, 100, 101, 103, 110, 120, 121)
print(json.dumps([
    [code, device]
    for code in DEVICE_REQUIREMENT
    for device in devices
    if serves(f"sm_{{code}}", divmod(device, 10)) != _code_compatible_with_device(device, code)
]))
"""
    done = subprocess.run([python_with_torch, "-c", lines], capture_output=True, text=True, check=True, env=PLAIN)
    # That 11.0 is another name of 10.1 torch knows one way round; both it knows from 2.14 on.
    assert json.loads(done.stdout) == [[110, 101]]


def test_our_limits_of_host_compilers_agree_with_torchs_own(python_with_torch: Path) -> None:
    lines = """
import json
from torch.utils.cpp_extension import CUDA_CLANG_VERSIONS, CUDA_GCC_VERSIONS
print(json.dumps({"gcc": CUDA_GCC_VERSIONS, "clang": CUDA_CLANG_VERSIONS}))
"""
    done = subprocess.run([python_with_torch, "-c", lines], capture_output=True, text=True, check=True, env=PLAIN)
    for kind, rows in json.loads(done.stdout).items():
        for cuda, (_, above) in rows.items():
            major, minor = map(int, cuda.split("."))
            ours = compiler_limits((major, minor), kind)
            # clang 19 with 12.9: NVIDIA's own header takes it, torch's table is behind.
            behind = (kind, cuda) == ("clang", "12.9")
            assert ours is not None, (kind, cuda)
            assert ours.newest == above[0] - 1 + behind, (kind, cuda)
