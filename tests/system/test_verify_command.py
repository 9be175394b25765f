"""`torchup verify` and `torchup doctor` as a person runs them, over made-up torch packages and machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.command import TORCHUP, Person
from support.sandbox import context_in, tree
from support.stub_torch import (
    CPU_BUILD,
    CUDA_BUILD,
    dying,
    gpu,
    library_path_build,
    no_gpu,
    python_with,
    working_gpu,
)
from support.terminal import CTRL_C, TerminalSession
from torchup.app.commandline import CommandLine
from torchup.app.proof import verifier_for
from torchup.model.plan import Verify
from torchup.ui.console import Console

AS_MACHINE = Path(__file__).parents[1] / "support" / "as_machine.py"
UUID = "GPU-5d4e2c6a-9b1f-4c3d-8e7f-0123456789ab"


@pytest.fixture
def somebody(tmp_path: Path) -> Person:
    """A person whose home and account have names that must not get out."""
    return Person(home=tmp_path / "adalovelace", environ={"USER": "adalovelace", "LOGNAME": "adalovelace"})


def facts(folder: Path, *, gpus: int = 1, nvidia: dict[str, Any] | None = None, **more: Any) -> str:
    card = {
        "vendor": "nvidia",
        "name": "NVIDIA GeForce RTX 4090",
        "compute_capability": "8.9",
        "uuid": UUID,
        "source": "pci",
    }
    data: dict[str, Any] = {
        "schema": 1,
        "os": {"system": "linux", "id": "ubuntu", "like": ["debian"], "arch": "x86_64"},
        "gpus": [{"index": index, **card} for index in range(gpus)],
        "nvidia": nvidia,
        **more,
    }
    path = folder / "facts.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return str(path)


def torchup(
    person: Person, facts_file: str, *arguments: str, timeout: float = 120, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, AS_MACHINE, facts_file, *arguments],
        cwd=person.home,
        env={**person.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def bad(data: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {
        check["id"]: (check["status"], check["hint"])
        for check in data["checks"]
        if check["status"] not in ("pass", "skip")
    }


NVJITLINK = "libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"
HANG = "import time; time.sleep(600)"


@pytest.mark.parametrize(
    ("source", "check", "status", "cause", "verdict"),
    [
        (no_gpu("Found no NVIDIA driver on your system."), "visible", "fail", "driver-missing", "fail"),
        (no_gpu("The NVIDIA driver on your system is too old"), "visible", "fail", "driver-too-old", "fail"),
        (gpu((12, 0), "sm_80 sm_90"), "arch", "fail", "no-kernel-image-new-gpu", "fail"),
        (gpu((6, 1), "sm_75 sm_80"), "arch", "fail", "no-kernel-image-old-gpu", "fail"),
        (gpu((8, 7), "sm_80 sm_86 sm_90"), "arch", "fail", "no-kernel-image-old-gpu", "fail"),
        (f"raise ImportError({NVJITLINK!r})", "import", "fail", "nvjitlink-shadowed", "fail"),
        ("import a_module_that_is_gone", "import", "fail", "torch-incomplete", "fail"),
        (
            "raise ImportError('version `GLIBCXX_3.4.30\\' not found')",
            "import",
            "fail",
            "conda-libstdcxx-too-old",
            "fail",
        ),
        ("raise RuntimeError('what nobody has seen')", "import", "fail", "torch-import-error", "fail"),
        (None, "import", "fail", "torch-not-installed", "fail"),
        (dying("SIGSEGV"), "import", "fail", "native-crash", "fail"),
        (dying("SIGABRT"), "import", "fail", "native-crash", "fail"),
        (dying("SIGILL"), "import", "fail", "cpu-without-avx", "fail"),
        (dying("SIGKILL"), "import", "fail", "killed-out-of-memory", "fail"),
        (dying("SIGBUS"), "import", "fail", "shm-too-small", "fail"),
        (
            working_gpu("raise OutOfMemoryError('CUDA out of memory. Tried to allocate 256.00 MiB.')"),
            "copy",
            "error",
            "device-memory-full",
            "not-run",
        ),
    ],
)
def test_verdict_cause_and_exit_code(
    somebody: Person, tmp_path: Path, source: str | None, check: str, status: str, cause: str, verdict: str
) -> None:
    python = python_with(tmp_path / "env", source)
    done = torchup(somebody, facts(tmp_path), "verify", "--python", str(python), "--json")
    data = report(done)
    assert bad(data)[check] == (status, cause)
    assert (data["verdict"], done.returncode) == (verdict, 4)
    explained = data["environment"]["causes"][cause]
    assert explained["title"]
    assert explained["fix"]


def test_a_cpu_build_on_a_machine_with_a_gpu_is_a_warning_at_the_top_and_no_pass(
    somebody: Person, tmp_path: Path
) -> None:
    python = python_with(tmp_path / "env", CPU_BUILD)
    page = tmp_path / "report.html"
    done = torchup(somebody, facts(tmp_path), "verify", "--python", str(python), "--json", "--html", str(page))
    data = report(done)
    assert data["warnings"] == ["This machine has a GPU (NVIDIA GeForce RTX 4090), and only the CPU was tested."]
    assert bad(data)["build"] == ("warn", "cpu-wheel-installed")
    assert data["verdict"] != "pass"
    assert done.returncode == 4
    text = page.read_text(encoding="utf-8")
    assert text.index("and only the CPU was tested") < text.index("What is wrong")
    shown = torchup(somebody, facts(tmp_path), "verify", "--python", str(python))
    assert shown.stdout.splitlines()[1].startswith("warning: This machine has a GPU")


def test_a_hang_is_ended_and_named_with_its_check(somebody: Person, tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", working_gpu(HANG))
    done = torchup(somebody, facts(tmp_path), "verify", "--python", str(python), "--json", "--timeout-scale", "0.02")
    data = report(done)
    hung = [check for check in data["checks"] if check["status"] == "timeout"]
    assert hung
    assert {check["hint"] for check in hung} == {"check-hung"}
    assert f"check_{hung[0]['id']}" in hung[0]["detail"]
    assert (data["verdict"], done.returncode) == ("fail", 4)


def test_what_the_driver_is_in_truth_comes_from_detection(somebody: Person, tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", no_gpu("Found no NVIDIA driver on your system."))
    machine = facts(tmp_path, nvidia={"state": "nouveau"})
    data = report(torchup(somebody, machine, "verify", "--python", str(python), "--json"))
    assert bad(data)["visible"] == ("fail", "nouveau-loaded")
    fixes = " ".join(
        command for fix in data["environment"]["causes"]["nouveau-loaded"]["fix"] for command in fix["run"]
    )
    assert "update-initramfs" in fixes
    assert "dracut" not in fixes


def test_another_cudnn_on_the_library_path_is_proved_with_file_and_line(somebody: Person, tmp_path: Path) -> None:
    old = str(tmp_path / "cudnn" / "8.0" / "lib64")
    (somebody.home / ".bashrc").write_text(f"# mine\nexport LD_LIBRARY_PATH={old}\n")
    python = python_with(tmp_path / "env", library_path_build(old))
    shells = {"login": "bash", "files": [str(somebody.home / ".bashrc")]}
    machine = facts(tmp_path, gpus=0, shells=shells)
    done = torchup(somebody, machine, "verify", "--python", str(python), "--json", LD_LIBRARY_PATH=old)
    data = report(done)
    assert bad(data)["library-path"] == ("warn", "cudnn-shadowed")
    detail = next(check["detail"] for check in data["checks"] if check["id"] == "library-path")
    assert "cuDNN is 8005 with LD_LIBRARY_PATH and 91002 without it" in detail
    assert f"~/.bashrc:2: export LD_LIBRARY_PATH={old}" in detail
    assert done.returncode == 4


def test_a_library_path_that_breaks_the_import_is_proved_by_doctor(somebody: Person, tmp_path: Path) -> None:
    old = str(tmp_path / "cuda" / "lib64")
    (somebody.home / ".bashrc").write_text(f"export LD_LIBRARY_PATH={old}\n")
    python = python_with(tmp_path / "env", library_path_build(old, breaks=NVJITLINK))
    add_metadata(python, "2.13.0+cpu")
    machine = facts(tmp_path, gpus=0, shells={"files": [str(somebody.home / ".bashrc")]})
    before = tree(somebody.home)
    done = torchup(somebody, machine, "doctor", "--python", str(python), "--json", LD_LIBRARY_PATH=old)
    data = report(done)
    loader = next(layer for layer in data["layers"] if layer["name"] == "loader")
    assert loader["found"][0]["cause"] == "nvjitlink-shadowed"
    evidence = " ".join(loader["found"][0]["evidence"])
    assert "without LD_LIBRARY_PATH it can be imported" in evidence
    assert "~/.bashrc:1: export" in evidence
    assert next(layer for layer in data["layers"] if layer["name"] == "torch")["status"] == "not-reached"
    assert (data["status"], done.returncode) == ("blocked", 4)
    assert tree(somebody.home) == before


def add_metadata(python: Path, version: str) -> None:
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    folder = packages / f"torch-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")


def test_doctor_names_the_first_broken_layer_and_the_commands(somebody: Person, tmp_path: Path) -> None:
    machine = facts(
        tmp_path, nvidia={"state": "mismatch", "driver_version": "580.95.05", "loaded_version": "580.65.06"}
    )
    done = torchup(somebody, machine, "doctor", "--no-test")
    assert done.returncode == 4
    assert done.stdout.startswith("BROKEN")
    assert "nvml-driver-library-mismatch" in done.stdout
    assert "$ sudo reboot" in done.stdout
    assert "not reached" in done.stdout


def test_doctor_explains_a_pasted_error(somebody: Person) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("torchup"), "doctor", "--log", "-", "--json"],
        input="Traceback\nRuntimeError: operator torchvision::nms does not exist\n",
        env=somebody.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [found["cause"] for found in json.loads(done.stdout)["found"]] == ["torchvision-nms-missing"]
    assert done.returncode == 0
    (somebody.home / "empty.log").touch()
    assert somebody.torchup("doctor", "--log", "empty.log").returncode == 7
    assert somebody.torchup("doctor", "--log", "/not/there").returncode == 2


def test_doctor_examines_the_facts_of_another_machine(somebody: Person, tmp_path: Path) -> None:
    done = somebody.torchup("doctor", "--machine", facts(tmp_path, nvidia={"state": "no_permission"}), "--json")
    data = json.loads(done.stdout)
    assert list(data["causes"]) == ["gpu-devices-closed"]
    assert done.returncode == 4


def test_nothing_personal_is_in_what_is_passed_on(somebody: Person, tmp_path: Path) -> None:
    python = python_with(somebody.home / "env", gpu((8, 9), "sm_80", f"card {UUID} of adalovelace at 192.168.17.23"))
    page = somebody.home / "report.html"
    machine = facts(tmp_path, findings=[{"code": "x", "text": "y", "evidence": f"{somebody.home}/z on 10.11.12.13"}])
    arguments = ("verify", "--python", str(python), "--html", str(page), "--json")
    done = torchup(somebody, machine, *arguments, CUDA_VISIBLE_DEVICES=UUID)
    for text in (done.stdout, page.read_text(encoding="utf-8")):
        for secret in ("adalovelace", "5d4e2c6a", "192.168.17", "10.11.12", str(somebody.home), os.uname().nodename):
            assert secret not in text, secret
        assert "~/env/bin/python" in text
    kept = torchup(somebody, machine, *arguments, "--no-scrub", CUDA_VISIBLE_DEVICES=UUID)
    assert str(somebody.home) in kept.stdout
    assert UUID in kept.stdout


def test_a_file_that_is_no_report_is_not_replaced(somebody: Person, tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", CPU_BUILD)
    thesis = somebody.home / "thesis.html"
    thesis.write_text("my thesis")
    arguments = ("verify", "--python", str(python), "--html", "thesis.html")
    refused = torchup(somebody, facts(tmp_path), *arguments)
    assert (refused.returncode, thesis.read_text()) == (2, "my thesis")
    assert "not-a-report" in refused.stderr
    torchup(somebody, facts(tmp_path), *arguments, "--force")
    assert "<!DOCTYPE html>" in thesis.read_text(encoding="utf-8")
    assert torchup(somebody, facts(tmp_path), *arguments).returncode == 4, "a report is replaced by the next one"
    nowhere = torchup(somebody, facts(tmp_path), *arguments[:-1], "no/such/folder.html")
    assert (nowhere.returncode, "report-folder-missing" in nowhere.stderr) == (2, True)
    assert "Testing" not in nowhere.stderr


def test_the_test_itself_is_given_as_one_file_for_elsewhere(somebody: Person, tmp_path: Path) -> None:
    machine = facts(tmp_path)
    written = torchup(somebody, machine, "verify", "--script", "tensor_probe.pyz")
    given = somebody.home / "tensor_probe.pyz"
    assert (written.returncode, written.stdout, "Testing" in written.stderr) == (0, "", False)
    command = [str(TORCHUP), "verify", "--script", "-"]
    printed = subprocess.run(command, env=somebody.environ, cwd=somebody.home, capture_output=True, check=True)
    assert printed.stdout == given.read_bytes()
    python = python_with(tmp_path / "env", CPU_BUILD)
    done = subprocess.run([python, given, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["torch_version"] == "2.13.0+cpu"
    assert torchup(somebody, machine, "verify", "--script", given.name).returncode == 0, "its own are replaced"
    given.write_text("my thesis")
    refused = torchup(somebody, machine, "verify", "--script", given.name)
    assert (refused.returncode, "not-a-tensor-test" in refused.stderr, given.read_text()) == (2, True, "my thesis")
    torchup(somebody, machine, "verify", "--script", given.name, "--force")
    assert given.read_bytes() == printed.stdout


def test_the_persons_own_shell_is_in_the_report(somebody: Person, tmp_path: Path) -> None:
    python = python_with(tmp_path / "env", CPU_BUILD)
    (somebody.home / ".bashrc").write_text(
        "export LD_LIBRARY_PATH=/usr/local/cuda-12.6/lib64 CUDA_HOME=/usr/local/cuda-12.6\n"
    )
    machine = facts(tmp_path, gpus=0, shells={"login": "bash"})
    data = report(torchup(somebody, machine, "verify", "--python", str(python), "--json"))
    known = data["environment"]["shells"]["bash interactive"]["variables"]
    assert known["CUDA_HOME"] == "/usr/local/cuda-12.6"
    assert bad(data)["own-shell.bash.interactive"] == ("warn", "library-path-by-hand")


def test_the_interpreter_says_why_it_was_chosen(somebody: Person, tmp_path: Path) -> None:
    conda = somebody.home / "miniforge3" / "envs" / "vision"
    python_with(conda, CPU_BUILD)
    (conda / "conda-meta").mkdir()
    (conda.parents[1] / "conda-meta").mkdir()
    (somebody.home / ".conda").mkdir()
    (somebody.home / ".conda" / "environments.txt").write_text(f"{conda}\n")
    data = report(torchup(somebody, facts(tmp_path, gpus=0), "verify", "--python", "vision", "--json"))
    assert data["environment"]["chosen_by"] == "--python, the conda environment vision"
    assert data["python"] == "~/miniforge3/envs/vision/bin/python"


def processes_of(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_ctrl_c_ends_the_test_and_everything_it_started(somebody: Person, tmp_path: Path) -> None:
    grandchild = f"""import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=False)
open({str(tmp_path / "started")!r}, "w").close()
time.sleep(600)
{CUDA_BUILD}"""
    python = python_with(tmp_path / "env", grandchild)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    mark = f"TORCHUP_TEST_MARK={tmp_path}"
    environ = {**somebody.environ, "TORCHUP_TEST_MARK": str(tmp_path), "TERM": "xterm"}
    environ["TMPDIR"] = str(temporary)
    argv = [sys.executable, str(AS_MACHINE), facts(tmp_path), "verify", "--python", str(python)]
    with TerminalSession(argv, environ=environ, folder=somebody.home) as session:
        session.expect((tmp_path / "started").exists, "a test under way", seconds=60)
        session.send(CTRL_C)
        assert session.finish() == 130
    deadline = time.monotonic() + 20
    while processes_of(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = processes_of(mark)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
    assert [*temporary.iterdir()] == []


def test_the_last_step_of_a_set_up_proves_the_library_path_too(somebody: Person, tmp_path: Path) -> None:
    old = str(tmp_path / "cudnn" / "8.0" / "lib64")
    (somebody.home / ".bashrc").write_text(f"# mine\nexport LD_LIBRARY_PATH={old}\n")
    python = python_with(tmp_path / "env", library_path_build(old))
    context = context_in(somebody.home, environ={"LD_LIBRARY_PATH": old})
    console = Console(context.terminal, json_output=False, quiet=True, verbose=0)
    step = Verify(
        id="verify",
        summary="",
        why="",
        python=str(python),
        level="quick",
        expected_version="2.13.0",
        expected_variant="cpu",
    )
    found = verifier_for(CommandLine(context=context, console=console))(step)
    (check,) = (check for check in found.checks if check.id == "library-path")
    assert (check.status, check.hint) == ("warn", "cudnn-shadowed")
    assert ".bashrc:2: export LD_LIBRARY_PATH=" in check.detail
    assert found.verdict != "pass"
