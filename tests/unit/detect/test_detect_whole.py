"""The whole detection: live, on broken machines, and with an nvidia-smi that misbehaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from support.patience import LONG, soon
from support.trees import lay_out, pci_tree
from torchup.detect.collect import collect, detect
from torchup.detect.host import Host, Limits
from torchup.model.context import Context, Places, Terminal
from torchup.model.facts import Finding, MachineFacts, NvidiaDriver
from torchup.model.serial import dump, load

BANNER = "| NVIDIA-SMI 550.90.07              Driver Version: 550.90.07      CUDA Version: 12.4     |"
ROW = "NVIDIA GeForce RTX 4090, GPU-1, 00000000:01:00.0, 24564 MiB, 550.90.07"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A context whose home is a folder of the test."""
    places = Places(config=tmp_path, state=tmp_path, cache=tmp_path, log=tmp_path)
    streams = Terminal(stdin_is_terminal=False, stdout_is_terminal=False, stderr_is_terminal=False)
    return Context(
        environ={"PATH": os.environ["PATH"]},
        home=tmp_path,
        cwd=tmp_path,
        root=Path("/"),
        places=places,
        terminal=streams,
        now=lambda: datetime.now(UTC),
    )


def test_this_very_machine(context: Context) -> None:
    facts = detect(context)

    assert facts.os.kernel == os.uname().release
    assert facts.os.arch == os.uname().machine
    assert facts.user.uid == os.getuid()
    assert facts.user.home == str(context.home)
    assert facts.space.home_mib
    assert facts.pythons
    assert all(Path(python.path).exists() for python in facts.pythons)
    assert "probe-failed" not in [finding.code for finding in facts.findings]
    assert load(MachineFacts, dump(facts)) == facts


def test_a_tree_says_nothing_about_the_running_machine(context: Context, tmp_path: Path) -> None:
    facts = detect(context, sysroot=lay_out(tmp_path / "tree", {"/etc/os-release": "ID=alpine\n"}))

    assert facts.os.id == "alpine"
    assert facts.os.kernel is None
    assert facts.user.uid is None
    assert facts.user.privilege is None
    assert facts.pythons == ()


def test_start_up_files_are_those_that_would_be_written(context: Context, tmp_path: Path) -> None:
    lay_out(tmp_path / "elsewhere", {f"{tmp_path}/.zshrc": ""})
    (tmp_path / ".bashrc").touch()

    assert detect(context).shells.files == (f"{tmp_path}/.bashrc",)
    assert detect(replace(context, root=tmp_path / "elsewhere")).shells.files == (f"{tmp_path}/.zshrc",)


@pytest.mark.parametrize("system", ["linux", "darwin", "windows"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("broken"), MemoryError()])
def test_when_every_reader_raises_there_are_still_facts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: Any, error: Exception
) -> None:
    def fail(*args: object, **kwargs: object) -> NoReturn:
        raise error

    readers = ("read_bytes", "read_text", "read_line", "names", "exists", "is_file", "is_dir", "stat", "resolve")
    for name in (*readers, "link_target", "accessible", "executable", "search_path", "which", "run", "run_all"):
        monkeypatch.setattr(Host, name, fail)
    names = ("HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE", "KEY_READ", "KEY_WOW64_64KEY", "KEY_WOW64_32KEY")
    registry = SimpleNamespace(**dict.fromkeys(names, 0), OpenKey=fail)
    monkeypatch.setitem(sys.modules, "winreg", cast("ModuleType", registry))
    host = Host(sysroot=tmp_path, environ={}, home="/home/user", live=True, system=system)

    facts = collect(host, cwd="/")

    assert facts.os.system == system
    assert facts.gpus == ()
    failed = [finding for finding in facts.findings if finding.code == "probe-failed"]
    assert len(failed) > 5
    assert all(str(error) in str(finding.evidence) for finding in failed)


def test_a_machine_whose_files_are_all_junk(host_at: Callable[..., Host], tmp_path: Path) -> None:
    junk = {"bytes": "ff00fe0a3d3a5b7b22" * 20}
    files = (
        "/etc/os-release",
        "/proc/version",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/self/mountinfo",
        "/etc/passwd",
    )
    more = ("/proc/driver/nvidia/version", "/etc/shells", "/etc/ld.so.conf", "/usr/local/cuda/version.json")
    last = ("/sys/class/kfd/kfd/topology/nodes/1/properties", "/etc/nv_tegra_release", "/usr/share/misc/pci.ids")
    card = {"address": "0000:01:00.0", "id": "10de:zzzz", "class": "0300"}
    odd = {"address": "not-an-address", "id": "10de:2684", "class": "0300"}
    lay_out(tmp_path, {**pci_tree([card, odd]), **dict.fromkeys((*files, *more, *last), junk)})

    facts = collect(host_at(), cwd="/")

    assert facts.os.id is None
    assert load(MachineFacts, dump(facts)) == facts


def smi_machine(tmp_path: Path, script: str) -> Path:
    tree = pci_tree([{"address": "0000:01:00.0", "id": "10de:2684", "class": "0300", "driver": "nvidia"}])
    return lay_out(tmp_path / "root", {**tree, "/usr/bin/nvidia-smi": {"run": f"#!/bin/sh\n{script}"}})


def smi_facts(root: Path) -> MachineFacts:
    limits = Limits(nvidia_smi=1.0)
    # Beside the tree's nvidia-smi no tool is on PATH, and NVML is not installed where tests run.
    host = Host(sysroot=root, environ={"PATH": "/usr/bin"}, home="/home/user", live=True, limits=limits)
    return collect(host, cwd="/")


def finding(facts: MachineFacts, code: str) -> Finding | None:
    return next((found for found in facts.findings if found.code == code), None)


def test_nvidia_smi_stands_in_for_nvml(tmp_path: Path) -> None:
    script = f"""
    case "$*" in
      "") printf '%s\\n' '{BANNER}' ;;
      *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;;
      *mig.mode*) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2 ;;
      *) echo 'name, uuid, pci.bus_id, memory.total [MiB], driver_version'; echo '{ROW}' ;;
    esac
    """
    facts = smi_facts(smi_machine(tmp_path, script))

    assert facts.nvidia == NvidiaDriver(state="ok", driver_version="550.90.07", cuda_version="12.4")
    assert [(gpu.source, gpu.compute_capability, gpu.memory_mib) for gpu in facts.gpus] == [
        ("nvidia-smi", "8.9", 24564)
    ]


def test_an_nvidia_smi_that_hangs_is_stopped(tmp_path: Path) -> None:
    with soon():
        facts = smi_facts(smi_machine(tmp_path, f"sleep {LONG}\n"))

    found = finding(facts, "nvidia-smi-failed")
    assert found is not None
    assert "did not finish within 1 s" in str(found.evidence)
    assert [gpu.compute_capability for gpu in facts.gpus] == ["8.9"]


def test_an_nvidia_smi_that_reports_a_mismatch(tmp_path: Path) -> None:
    words = "Failed to initialize NVML: Driver/library version mismatch"
    facts = smi_facts(smi_machine(tmp_path, f"echo '{words}'; exit 18\n"))

    found = finding(facts, "nvidia-smi-failed")
    assert found is not None
    assert found.evidence == words
    assert facts.nvidia is not None
    assert facts.nvidia.state == "mismatch"


HEAVY = ("requests", "rich", "pydantic", "questionary", "jinja2", "pynvml", "click", "shellingham", "distro", "yaml")


def test_detection_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from torchup.detect.collect import collect\n"
        "from torchup.detect.host import Host\n"
        "collect(Host.at(Path('/'), environ={}, home=Path(sys.argv[1])), cwd='/')\n"
        "print(*sorted(set(sys.argv[2:]) & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *HEAVY], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == []
