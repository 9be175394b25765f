"""Windows and macOS, from captured outputs, and through the readers with stand-ins for the system's own tools."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.trees import lay_out
from torchup.detect import windows_gpus
from torchup.detect.collect import collect
from torchup.detect.commands import Ran
from torchup.detect.darwin import parse_displays, parse_sw_vers, parse_sysctl
from torchup.detect.host import Host
from torchup.detect.windows import machine_arch, nvidia_driver_version, parse_machine
from torchup.detect.windows_gpus import judge_windows
from torchup.detect.windows_registry import RegisteredPython, parse_registered, read_hives
from torchup.model.facts import Gpu, Python
from torchup.model.serial import dump

PROBES = Path(__file__).parents[2] / "probes"


def captures(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", sorted((PROBES / folder).glob("*.txt")), ids=lambda path: path.stem)


@captures("windows")
def test_what_powershell_answers(path: Path) -> None:
    case = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    view = parse_machine(path.read_text(encoding="utf-8"), machine_arch(case["arch"]))
    seen = {
        "version": view.system.version,
        "arch": view.system.arch,
        "memory_mib": view.memory_mib,
        "secure_boot": view.secure_boot,
        "cards": [
            {
                "vendor": card.device.vendor,
                "pci_id": card.device.pci_id,
                "name": card.name,
                "driver_version": card.driver_version,
                "memory_mib": card.device.memory_mib,
            }
            for card in view.cards
        ],
    }
    assert seen == case["expect"]


@captures("macos")
def test_what_system_profiler_answers(path: Path) -> None:
    case = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert dump(parse_displays(path.read_text(encoding="utf-8"), case["memory_mib"])) == case["gpus"]


@pytest.mark.parametrize(
    ("windows", "nvidia"),
    [
        ("32.0.15.6636", "566.36"),
        ("31.0.15.2849", "528.49"),
        ("27.21.14.5671", "456.71"),
        ("32.0.16.1042", "610.42"),
        ("10.0.22621.1", None),
        ("", None),
    ],
)
def test_nvidia_driver_version(windows: str, nvidia: str | None) -> None:
    assert nvidia_driver_version(windows) == nvidia


@pytest.mark.parametrize(
    ("installed", "error", "state"),
    [
        (None, 12, "missing"),
        ("566.36", 12, "error"),
        ("566.36", 9, "not_loaded"),
        (None, 999, "error"),
        (None, None, "missing"),
    ],
)
def test_judge_windows(installed: str | None, error: int | None, state: str) -> None:
    assert judge_windows(installed, error) == state


class FakeRegistry:
    """What `winreg` offers, over a mapping of paths to values; each hive and view is a mapping of its own."""

    HKEY_CURRENT_USER = "user"
    HKEY_LOCAL_MACHINE = "machine"
    KEY_READ, KEY_WOW64_64KEY, KEY_WOW64_32KEY = 1, 2, 4

    def __init__(self, content: dict[tuple[str, int], dict[str, dict[str, Any]]]) -> None:
        self._content = content

    def OpenKey(self, hive: str, path: str, reserved: int, access: int) -> Any:  # noqa: N802 - winreg's name
        tree = self._content.get((hive, access & ~self.KEY_READ), {})
        if not any(key == path or key.startswith(f"{path}\\") for key in tree):
            raise FileNotFoundError(path)
        return nullcontext(SimpleNamespace(tree=tree, path=path))

    def QueryInfoKey(self, key: Any) -> tuple[int, int, int]:  # noqa: N802 - winreg's name
        return len(self._children(key)), 0, 0

    def EnumKey(self, key: Any, position: int) -> str:  # noqa: N802 - winreg's name
        return self._children(key)[position]

    def QueryValueEx(self, key: Any, name: str) -> tuple[Any, int]:  # noqa: N802 - winreg's name
        if name not in key.tree.get(key.path, {}):
            raise FileNotFoundError(name)
        return key.tree[key.path][name], 1

    @staticmethod
    def _children(key: Any) -> list[str]:
        below = [path[len(key.path) + 1 :] for path in key.tree if path.startswith(f"{key.path}\\")]
        return list(dict.fromkeys(path.split("\\")[0] for path in below))


CORE = r"Software\Python\PythonCore"


def registry() -> FakeRegistry:
    user: dict[str, dict[str, Any]] = {
        rf"{CORE}\3.12": {"Version": "3.12.3", "SysArchitecture": "64bit"},
        rf"{CORE}\3.12\InstallPath": {"": "C:\\Py312\\", "ExecutablePath": "C:\\Py312\\python.exe"},
        rf"{CORE}\3.13t": {"Version": "3.13.1", "SysArchitecture": "64bit"},
        rf"{CORE}\3.13t\InstallPath": {"ExecutablePath": "C:\\Py313\\python3.13t.exe"},
        rf"{CORE}\3.9": {"DisplayName": "no path"},
        r"Software\Python\PyLauncher\3": {},
        r"Software\Python\ContinuumAnalytics\Anaconda39-64": {
            "SysArchitecture": "64bit",
            "Version": "py39",
            "SysVersion": "3.9",
        },
        r"Software\Python\ContinuumAnalytics\Anaconda39-64\InstallPath": {"": "C:\\conda"},
        r"Software\Python\Astral\CPython3.14.0": {"Version": "3.14.0"},
        r"Software\Python\Astral\CPython3.14.0\InstallPath": {"ExecutablePath": "C:\\uv\\python.exe"},
    }
    narrow: dict[str, dict[str, Any]] = {
        rf"{CORE}\3.11-32": {"Version": "3.11.9", "SysArchitecture": "32bit"},
        rf"{CORE}\3.11-32\InstallPath": {"": "C:\\Py311-32\\", "ExecutablePath": 7},
    }
    return FakeRegistry({("user", 0): user, ("machine", 4): narrow})


def test_registered_pythons() -> None:
    assert parse_registered(read_hives(registry())) == (
        Python(path="C:\\Py312\\python.exe", version="3.12.3", kind="system"),
        Python(path="C:\\Py313\\python3.13t.exe", version="3.13.1", kind="system", free_threaded=True),
        Python(path="C:\\conda\\python.exe", version="3.9", kind="conda"),
        Python(path="C:\\uv\\python.exe", version="3.14.0", kind="uv"),
        Python(path="C:\\Py311-32\\python.exe", version="3.11.9", kind="system", bits=32),
    )


def test_a_registered_python_counts_once() -> None:
    entry = RegisteredPython(company="PythonCore", tag="3.10", executable="C:\\P\\python.exe")
    upper = RegisteredPython(company="PythonCore", tag="3.10", executable="C:\\P\\PYTHON.EXE", version="3.10.1")
    assert [python.version for python in parse_registered([entry, upper])] == ["3.10"]


def windows_host(root: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setitem(sys.modules, "winreg", registry())
    monkeypatch.setattr(Host, "run", lambda self, argv, limit=None: Ran(returncode=0, stdout=answer))
    environ = {"PROCESSOR_ARCHITECTURE": "AMD64", "USERNAME": "ada", "PATH": ""}
    return Host(sysroot=root, environ=environ, home="/home/user", live=True, system="windows")


def test_a_windows_machine_without_nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (PROBES / "windows" / "rtx-4070-windows-11.txt").read_text(encoding="utf-8")
    lay_out(tmp_path, {"C:\\Py312\\python.exe": ""})
    facts = collect(windows_host(tmp_path, answer, monkeypatch), cwd="/")

    assert "probe-failed" not in [finding.code for finding in facts.findings]
    assert (facts.os.system, facts.os.version, facts.os.arch) == ("windows", "10.0.22631", "amd64")
    assert facts.context.secure_boot is True
    assert [(gpu.index, gpu.vendor, gpu.compute_capability, gpu.chip) for gpu in facts.gpus] == [
        (0, "nvidia", "8.9", "AD104"),
        (1, "intel", None, None),
    ]
    assert facts.nvidia is not None
    assert (facts.nvidia.state, facts.nvidia.driver_version) == ("error", "566.36")
    assert [python.version for python in facts.pythons] == ["3.12.3"]
    assert facts.user.name == "ada"


def test_adapters_that_the_driver_serves_are_not_counted_twice() -> None:
    served = tuple(
        Gpu(index=index, vendor="nvidia", pci_id="10de:2786", pci_address=f"0000:0{index}:00.0", source="nvml")
        for index in (1, 2)
    )
    text = json.dumps(
        {"gpus": [{"Name": "NVIDIA", "PNPDeviceID": "PCI\\VEN_10DE&DEV_2786&X", "DriverVersion": "32.0.15.6636"}] * 3}
    )
    cards = list(parse_machine(text, "amd64").cards)

    merged = windows_gpus.merge_by_id(served, cards)
    assert [gpu.source for gpu in merged] == ["nvml", "nvml", "cim"]


def test_a_silent_powershell_leaves_what_the_environment_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = windows_host(tmp_path, "", monkeypatch)
    monkeypatch.setattr(Host, "run", lambda self, argv, limit=None: Ran(returncode=None, problem="too slow"))
    facts = collect(host, cwd="/")

    assert (facts.os.system, facts.os.arch, facts.gpus) == ("windows", "amd64", ())
    assert "powershell-failed" in [finding.code for finding in facts.findings]


MAC = {
    "/usr/bin/sw_vers": "printf 'ProductName:\\t\\tmacOS\\nProductVersion:\\t\\t14.6.1\\nBuildVersion:\\t\\t23G93\\n'",
    "/usr/sbin/sysctl": (
        "printf 'machdep.cpu.brand_string: Apple M2\\nhw.memsize: 17179869184\\n"
        "sysctl.proc_translated: 1\\nhw.optional.arm64: 1\\n'; exit 1"
    ),
    "/usr/sbin/system_profiler": "echo '{\"SPDisplaysDataType\": []}'",
}


def mac_host(tmp_path: Path, host_at: Callable[..., Host], **changes: str) -> Host:
    scripts = {**MAC, **{key: value for key, value in changes.items() if key.startswith("/")}}
    root = lay_out(tmp_path / "mac", {path: {"run": f"#!/bin/sh\n{script}\n"} for path, script in scripts.items()})
    made = host_at(root, environ={"PATH": "/usr/bin:/bin"}, live=True)
    return Host(
        sysroot=made.sysroot, environ=made.environ, home="/Users/ada", live=True, system="darwin", limits=made.limits
    )


def test_a_mac_under_rosetta(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    facts = collect(mac_host(tmp_path, host_at), cwd="/")

    assert (facts.os.system, facts.os.id, facts.os.version, facts.os.arch) == ("darwin", "macos", "14.6.1", "arm64")
    assert [(gpu.vendor, gpu.name, gpu.memory_mib, gpu.source) for gpu in facts.gpus] == [
        ("apple", "Apple M2", 16384, "sysctl")
    ]
    assert facts.space.memory_mib == 16384
    codes = [finding.code for finding in facts.findings]
    assert "rosetta" in codes
    assert not {"probe-failed", "command-failed"} & set(codes)


def test_a_mac_whose_tools_fail(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    host = mac_host(tmp_path, host_at, **{"/usr/bin/sw_vers": "exit 1", "/usr/sbin/system_profiler": "sleep 60"})
    facts = collect(host, cwd="/")

    assert facts.os.version is None
    evidence = [finding.text for finding in facts.findings if finding.code == "command-failed"]
    assert [text.split()[0] for text in evidence] == ["/usr/bin/sw_vers", "/usr/sbin/system_profiler"]


@pytest.mark.parametrize(
    "text",
    [
        '{"os": 7, "gpus": 3, "secure_boot": "yes"}',
        '{"os": {"Version": 10, "TotalVisibleMemorySize": "many"}, "gpus": [null, 1, {"PNPDeviceID": 3}]}',
        '{"gpus": [{"PNPDeviceID": "PCI\\\\VEN_1414&DEV_008E", "Name": "Microsoft Basic Render Driver"}]}',
        "null",
    ],
)
def test_answers_of_another_shape_stay_unknown(text: str) -> None:
    view = parse_machine(text, "amd64")
    assert (view.system.version, view.cards, view.memory_mib, view.secure_boot) == (None, (), None, None)


@pytest.mark.parametrize("text", ['{"SPDisplaysDataType": 3}', '{"SPDisplaysDataType": [3, null]}', "[]", "7"])
def test_displays_of_another_shape_stay_unknown(text: str) -> None:
    assert parse_displays(text, None) == ()


def test_mac_texts() -> None:
    assert parse_sw_vers("ProductName: macOS\nProductVersion: 15.1\n") == "15.1"
    assert parse_sw_vers("") is None
    assert parse_sysctl("hw.memsize: 1\nsysctl: unknown oid 'x'\n")["hw.memsize"] == "1"
