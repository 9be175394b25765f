"""From a general cause to a particular one, and proofs by a second run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torchup.detect.commands import Ran
from torchup.detect.host import Host
from torchup.model.facts import Finding, MachineFacts, NvidiaDriver, OperatingSystem, Surroundings
from torchup.model.outcome import Check, Report
from torchup.verify.doctor.packages import Packages, read_packages
from torchup.verify.doctor.subject import Interpreter, Subject
from torchup.verify.prove import prove_by_trial, prove_library_path
from torchup.verify.refine import refine


def subject(tmp_path: Path, **changes: Any) -> Subject:
    facts = MachineFacts(
        os=OperatingSystem(system="linux", arch="x86_64"),
        gpus=(),
        nvidia=changes.pop("nvidia", None),
        context=Surroundings(container=changes.pop("container", None)),
        findings=changes.pop("findings", ()),
    )
    host = Host.at(tmp_path, environ={}, home=Path("/home/ada"))
    environ = changes.pop("environ", {})
    ask = changes.pop("ask", lambda *_: Ran(returncode=1))
    return Subject(facts=facts, environ=environ, host=host, ask=ask, **changes)


def refined(check: Check, made: Subject) -> Check:
    (found,) = refine(Report(python="/p", level="quick", checks=(check,), verdict="fail"), made).checks
    return found


def failing(hint: str | None, *, name: str = "visible", detail: str = "it says no", status: Any = "fail") -> Check:
    return Check(id=name, status=status, detail=detail, hint=hint)


@pytest.mark.parametrize(
    ("hint", "changes", "cause"),
    [
        ("driver-missing", {"nvidia": NvidiaDriver(state="nouveau")}, "nouveau-loaded"),
        ("driver-missing", {"nvidia": NvidiaDriver(state="mismatch")}, "nvml-driver-library-mismatch"),
        ("driver-missing", {"nvidia": NvidiaDriver(state="not_loaded")}, "driver-not-loaded"),
        ("driver-missing", {"container": "docker"}, "container-driver-capabilities"),
        (
            "driver-missing",
            {"findings": (Finding(code="nvidia-module-unsigned", text="x"),)},
            "secure-boot-unsigned-module",
        ),
        ("driver-missing", {}, "driver-missing"),
        ("fabric-manager-missing", {}, "error-802-without-nvswitch"),
        ("uvm-device-missing", {}, "uvm-device-missing"),
        (None, {"findings": (Finding(code="mig-without-instance", text="x"),)}, "mig-no-instance"),
        (None, {"nvidia": NvidiaDriver(state="error")}, "driver-serves-no-gpu"),
        (
            "cpu-wheel-installed",
            {"packages": Packages(conda_cpu="pytorch-2.6.0-cpu_1.json")},
            "conda-resolved-cpu-build",
        ),
        ("wrong-results", {"nvidia": NvidiaDriver(state="mismatch")}, "wrong-results"),
    ],
)
def test_what_else_is_known_names_the_cause(
    hint: str | None, changes: dict[str, Any], cause: str, tmp_path: Path
) -> None:
    assert refined(failing(hint), subject(tmp_path, **changes)).hint == cause


def test_a_stale_uvm_device(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia-uvm").touch()
    assert refined(failing("uvm-device-missing"), subject(tmp_path)).hint == "uvm-after-suspend"


@pytest.mark.parametrize("gone", [True, False])
def test_a_library_that_was_cut_short_is_no_shared_memory(gone: bool, tmp_path: Path) -> None:
    """Both end the import with SIGBUS."""
    info = tmp_path / "site/torch-2.13.0+cpu.dist-info"
    info.mkdir(parents=True)
    (info / "INSTALLER").write_text("uv")
    (info / "RECORD").write_text("torch/lib/libc10.so,sha256=x,10\n")
    if not gone:
        (tmp_path / "site/torch/lib").mkdir(parents=True)
        (tmp_path / "site/torch/lib/libc10.so").write_text("0123456789")
    made = subject(tmp_path)
    made.packages = read_packages(made.host, ("/site",), prefix="/env", markers={})
    check = refined(failing("shm-too-small", name="import", detail="died of SIGBUS"), made)
    assert check.hint == ("torch-files-damaged" if gone else "shm-too-small")
    assert ("/site/torch/lib/libc10.so" in check.detail) is gone


@pytest.mark.parametrize(
    ("hint", "detail", "cause"),
    [
        ("operation-failed", "RuntimeError: CUDA error: uncorrectable ECC error encountered", "ecc-uncorrectable"),
        ("torch-import-error", "OSError: cannot enable executable stack as shared object", "exec-stack-glibc-241"),
        ("companion-broken", "ImportError: x.so: undefined symbol: _ZN3c105ErrorC2", "extension-abi-undefined-symbol"),
        ("operation-failed", "RuntimeError: what nobody has seen", "operation-failed"),
        ("wrong-results", "nan: uncorrectable ECC error encountered", "wrong-results"),
    ],
)
def test_a_general_cause_gives_way_to_what_the_text_tells(hint: str, detail: str, cause: str, tmp_path: Path) -> None:
    assert refined(failing(hint, name="copy", detail=detail), subject(tmp_path)).hint == cause


@pytest.mark.parametrize("status", ["pass", "skip"])
def test_what_passed_has_no_cause(status: str, tmp_path: Path) -> None:
    check = failing(None, status=status)
    assert refined(check, subject(tmp_path, nvidia=NvidiaDriver(state="error"))) == check


def fake_python(folder: Path, *, passes_with: str) -> str:
    """Write an interpreter whose probe passes the check `nccl` only with one variable set."""
    check = {"id": "nccl", "level": "standard", "gpu": "cuda:0"}
    answers = {
        word: json.dumps(
            {"report": {"python": "p", "level": "quick", "checks": [{**check, "status": word}], "verdict": "pass"}}
        )
        for word in ("pass", "timeout")
    }
    path = folder / "python"
    path.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/calls\n'
        f"if [ -n \"${passes_with}\" ]; then echo '{answers['pass']}'; else echo '{answers['timeout']}'; fi\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("variable", "cause"), [("NCCL_P2P_DISABLE", "nccl-p2p-hang-acs"), ("NCCL_SHM_DISABLE", "shm-too-small")]
)
def test_a_collective_that_hangs_is_run_again_with_one_transport_off(variable: str, cause: str, tmp_path: Path) -> None:
    python = fake_python(tmp_path, passes_with=variable)
    check = Check(id="nccl", level="standard", gpu="cuda:0", status="timeout", hint="check-hung")
    report = Report(python=python, level="standard", checks=(check,), verdict="fail")
    (proved,) = prove_by_trial(subject(tmp_path, environ={"PATH": "/usr/bin:/bin"}), report)
    assert (proved.id, proved.status, proved.hint) == ("trial-nccl", "fail", cause)
    assert f"with {variable}=1, nccl passes" in proved.detail
    assert "--only nccl" in (tmp_path / "calls").read_text()


def test_nothing_is_run_again_that_passed(tmp_path: Path) -> None:
    check = Check(id="nccl", status="pass")
    report = Report(python="/not/there", level="standard", checks=(check,), verdict="pass")
    assert prove_by_trial(subject(tmp_path), report) == ()


def test_a_library_path_without_effect_is_said_to_have_none(tmp_path: Path) -> None:
    said = '{"version": "2.13.0", "cudnn": 91002, "libraries": ["/env/libcudnn.so.9"]}'
    made = subject(
        tmp_path,
        environ={"LD_LIBRARY_PATH": "/opt/x"},
        interpreter=Interpreter(path="/p"),
        ask=lambda *_: Ran(returncode=0, stdout=said),
    )
    report = Report(python="/p", level="quick", checks=(), verdict="pass")
    (check,) = prove_library_path(made, report)
    assert (check.id, check.status) == ("library-path", "pass")
    made.environ = {}
    assert prove_library_path(made, report) == ()
