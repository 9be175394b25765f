"""What the probe says about installations that cannot compute at all, with a made-up torch in a real environment."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from support.stub_torch import CPU_BUILD, CUDA_BUILD, gpu, no_gpu, python_with
from support.wrong_kernels import probe_file
from torchup.errors import ExitStatus
from torchup.model.outcome import Check, Report
from torchup.verify.run import verify
from torchup.verify.verdict import exit_status

MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "PYTHONPATH")
PLAIN = {name: value for name, value in os.environ.items() if name not in MASKS}


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run(python: Path, *, gpu_expected: bool = True, variant: str | None = "cu126", **changed: str) -> Report:
    return verify(
        python=str(python),
        level="quick",
        expected_version="2.13.0",
        expected_variant=variant,
        environ={**PLAIN, **changed},
        gpu_expected=gpu_expected,
    )


def named(report: Report, name: str) -> Check:
    (check,) = (check for check in report.checks if check.id == name)
    return check


@pytest.mark.parametrize(
    ("source", "variant", "check", "hint"),
    [
        (CPU_BUILD, "cu126", "build", "cpu-wheel-installed"),
        (no_gpu("Found no NVIDIA driver on your system."), "cu126", "visible", "driver-missing"),
        (
            no_gpu("The NVIDIA driver on your system is too old (found version 11040)."),
            "cu126",
            "visible",
            "driver-too-old",
        ),
        (no_gpu("Error 804: forward compatibility was attempted"), "cu126", "visible", "forward-compat-804"),
        (no_gpu("Error 802: system not yet initialized"), "cu126", "visible", "fabric-manager-missing"),
        (gpu((12, 0), "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"), "cu126", "arch", "no-kernel-image-new-gpu"),
        (gpu((6, 1), "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"), "cu126", "arch", "no-kernel-image-old-gpu"),
        (gpu((8, 7), "sm_80 sm_86 sm_90"), "cu126", "arch", "no-kernel-image-old-gpu"),
        ("raise ImportError('libcudart.so.12: cannot open')", "cu126", "import", "torch-import-error"),
        (
            "raise ImportError('libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12')",
            "cu126",
            "import",
            "nvjitlink-shadowed",
        ),
        ("import a_package_that_is_not_there", "cu126", "import", "torch-incomplete"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "cu126", "import", "cpu-without-avx"),
        (None, "cu126", "import", "torch-not-installed"),
    ],
)
def test_the_cause_is_named(tmp_path: Path, source: str | None, variant: str, check: str, hint: str) -> None:
    report = run(python_with(tmp_path / "env", source), variant=variant)
    found = named(report, check)
    assert (found.status, found.hint) == ("fail", hint), found.detail
    assert report.verdict == "fail"
    assert exit_status(report.verdict) is ExitStatus.DEGRADED
    assert report.environment["causes"][hint]["fix"]


def test_nothing_is_computed_on_a_gpu_without_kernels_and_it_says_so(tmp_path: Path) -> None:
    report = run(python_with(tmp_path / "env", gpu((6, 1), "sm_75 sm_80")))
    exact = named(report, "exact-fp32")
    assert exact.status == "skip"
    assert "no kernels for this GPU" in exact.detail
    assert report.devices == ("cuda:0",)
    assert not [check for check in report.checks if check.gpu and check.status == "pass"]


def test_a_gpu_with_kernels_is_described(tmp_path: Path) -> None:
    report = run(python_with(tmp_path / "env", gpu((8, 9), "sm_80 sm_86", "NVIDIA GeForce RTX 4090")))
    arch = named(report, "arch")
    assert (arch.status, arch.gpu, arch.value) == ("pass", "cuda:0", "8.9")
    (device,) = report.environment["devices"]
    assert (device["name"], device["capability"], device["memory_mib"]) == ("NVIDIA GeForce RTX 4090", "8.9", 24576)


def test_health_is_asked_even_of_a_gpu_that_cannot_be_used(tmp_path: Path) -> None:
    source = f"""{gpu((8, 9), "sm_89")}
def busy(_index):
    raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable")
cuda.set_device = busy
"""
    report = run(python_with(tmp_path / "env", source))
    # This machine has no NVML, which is a reason to skip and not the error of the device.
    for name in ("health", "health-after"):
        assert named(report, name).status == "skip"
        assert "busy" not in named(report, name).detail
    assert (named(report, "arch").status, named(report, "arch").hint) == ("fail", "exclusive-compute-mode")
    assert (named(report, "alloc").reached, named(report, "alloc").detail) == (False, "the GPU cannot be used")


def test_a_build_with_ptx_only_is_slow_and_not_broken(tmp_path: Path) -> None:
    arch = named(run(python_with(tmp_path / "env", gpu((12, 0), "sm_80 sm_90 compute_90"))), "arch")
    assert arch.status == "warn"
    assert "compute_90" in arch.detail


def test_a_mask_that_hides_the_gpus_is_proved_by_leaving_it_out(tmp_path: Path) -> None:
    source = f"""
import os
{no_gpu("No CUDA GPUs are available")}
    @staticmethod
    def device_count():
        return 0 if "CUDA_VISIBLE_DEVICES" in os.environ else 2
"""
    visible = named(run(python_with(tmp_path / "env", source), CUDA_VISIBLE_DEVICES="7"), "visible")
    assert (visible.status, visible.hint) == ("fail", "cuda-visible-devices-hides-gpu")
    assert "CUDA_VISIBLE_DEVICES='7' hides 2" in visible.detail


def test_a_gpu_build_on_a_machine_without_a_gpu_proves_less_than_planned(tmp_path: Path) -> None:
    visible = named(run(python_with(tmp_path / "env", no_gpu("")), gpu_expected=False), "visible")
    assert (visible.status, visible.hint) == ("warn", "no-gpu-to-test")


def test_a_library_path_that_breaks_the_import_is_proved_by_leaving_it_out(tmp_path: Path) -> None:
    source = f"""
import os
if os.environ.get("LD_LIBRARY_PATH") == "/opt/old":
    raise ImportError("libcublas.so.12: cannot do this")
{CUDA_BUILD}
"""
    found = named(run(python_with(tmp_path / "env", source), LD_LIBRARY_PATH="/opt/old"), "import")
    assert (found.status, found.hint) == ("fail", "library-path-shadows")
    assert "without LD_LIBRARY_PATH=/opt/old" in found.detail


def test_torch_from_elsewhere_is_noticed(tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", CPU_BUILD)
    (tmp_path / "other" / "torch").mkdir(parents=True)
    (tmp_path / "other" / "torch" / "__init__.py").write_text(CPU_BUILD)
    found = named(run(python, gpu_expected=False, variant="cpu", PYTHONPATH=str(tmp_path / "other")), "import")
    assert (found.status, found.hint) == ("warn", "python-path-shadows")


def test_a_folder_named_torch_without_the_package_is_not_torch(tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", "")
    (init,) = (tmp_path / "env").glob("lib/*/site-packages/torch/__init__.py")
    init.unlink()
    found = named(run(python), "import")
    assert (found.status, found.hint) == ("fail", "torch-partially-initialized")


def test_a_module_beside_the_script_is_never_imported_in_place_of_torchs(tmp_path: Path) -> None:
    script = tmp_path / "downloads" / "tensor_probe.pyz"
    script.parent.mkdir()
    script.write_bytes(probe_file().read_bytes())
    script.with_name("typing_extensions.py").write_text("raise ImportError('a stranger')")
    source = f"import importlib.util\nassert importlib.util.find_spec('typing_extensions') is None\n{CPU_BUILD}"
    python = python_with(tmp_path / "env", source)
    done = subprocess.run([python, script, "--json"], env=PLAIN, capture_output=True, text=True, check=False)
    imported, *_ = json.loads(done.stdout)["checks"]
    assert (imported["id"], imported["status"]) == ("import", "pass"), imported["detail"]


@pytest.mark.parametrize("set_before", [None, ":4096:2:16:8", ":16:8"])
def test_cublas_is_told_what_determinism_takes_before_torch_is_imported(tmp_path: Path, set_before: str | None) -> None:
    source = f"""
import os
assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == {":16:8" if set_before == ":16:8" else ":4096:8"!r}
{CPU_BUILD}"""
    changed = {} if set_before is None else {"CUBLAS_WORKSPACE_CONFIG": set_before}
    report = run(python_with(tmp_path / "env", source), variant="cpu", gpu_expected=False, **changed)
    assert named(report, "import").status == "pass", named(report, "import").detail


def test_what_prints_at_start_up_does_not_disturb(tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", f"print('hello from torch')\n{CPU_BUILD}")
    (packages,) = (tmp_path / "env").glob("lib/*/site-packages")
    (packages / "noise.pth").write_text("import sys; print('{\"check\": 1}'); print('noise')\n")
    report = run(python, variant="cpu", gpu_expected=False)
    assert named(report, "import").status == "pass"
    assert report.torch_version == "2.13.0+cpu"


def test_nothing_is_left_behind_when_the_test_is_cut_short(tmp_path: Path) -> None:
    source = f"""
import os, pathlib, time
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
time.sleep(120)
"""
    python = python_with(tmp_path / "env", source)
    report = verify(
        python=str(python),
        level="quick",
        expected_version=None,
        expected_variant=None,
        environ=PLAIN,
        gpu_expected=False,
        total_seconds=2.0,
    )
    assert (report.verdict, report.checks[-1].status) == ("fail", "timeout")
    worker = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)
