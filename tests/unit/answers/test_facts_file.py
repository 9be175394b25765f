"""Facts files: every problem at its place, in YAML and JSON, contradictions included."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchup.answers.facts_file import parse_facts, read_facts
from torchup.errors import ExitStatus, UsageError
from torchup.model.facts import MachineFacts
from torchup.model.serial import dump

Facts = dict[str, Any]


def machine() -> Facts:
    return {
        "schema": 1,
        "os": {"system": "linux", "id": "debian", "version": "12", "arch": "x86_64", "libc": "glibc", "libc_version": "2.36"},
        "context": {"wsl": 0, "container": None, "jetson": None, "secure_boot": None},
        "gpus": [
            {"index": 0, "vendor": "nvidia", "name": "RTX 4090", "compute_capability": "8.9", "uuid": "GPU-1",
             "pci_address": "0000:01:00.0", "source": "nvml"},
            {"index": 1, "vendor": "amd", "name": "RX 7900 XTX", "gfx": "gfx1100", "pci_address": "0000:02:00.0"},
        ],
        "nvidia": {"state": "ok", "driver_version": "580.65.06", "cuda_version": "13.0"},
        "toolkits": [{"version": "13.0", "path": "/usr/local/cuda-13.0"}],
        "pythons": [{"path": "/usr/bin/python3", "version": "3.12.3"}],
        "torch": [{"python": "/usr/bin/python3", "version": "2.13.0+cpu"}],
        "space": {"home_mib": 1024},
    }  # fmt: skip


def evidence(content: str | bytes, name: str = "m.yaml") -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse_facts(content.encode() if isinstance(content, str) else content, name)
    assert caught.value.code == "facts-invalid"
    assert caught.value.exit_status == ExitStatus.USAGE
    return list(caught.value.evidence)


def changed(change: Callable[[Facts], object]) -> str:
    facts = machine()
    change(facts)
    return json.dumps(facts, indent=1)


def test_yaml_and_json_read_the_same() -> None:
    facts = parse_facts(json.dumps(machine()).encode(), "m.json")
    assert facts == parse_facts(yaml.safe_dump(machine()).encode(), "m.yaml")
    assert facts.gpus[0].compute_capability == "8.9"


def test_what_detect_prints_reads_back() -> None:
    facts = parse_facts(json.dumps(machine()).encode(), "m.json")
    assert parse_facts(json.dumps(dump(facts), indent=2).encode(), "m.json") == facts


def test_json_indented_with_tabs_keeps_its_places() -> None:
    text = json.dumps({**machine(), "colour": "red"}, indent="\t")
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "colour" in row)
    assert evidence(text) == [f"m.yaml:{line}:2: colour: unknown key"]


def test_every_problem_is_named() -> None:
    text = """\
schema: 1
os: {system: linux, arch: x86_64, kernal: "6.1"}
gpus:
- {index: 0, vendor: nvidea, compute_capability: 8.9}
- {vendor: amd, memory_mib: "12"}
nvidia: {state: ok, driver_version: 570.86}
"""
    assert evidence(text) == [
        "m.yaml:2:35: os.kernal: unknown key; did you mean 'kernel'?",
        'm.yaml:4:22: gpus[0].vendor: "nvidea" is not one of nvidia, amd, intel, apple',
        'm.yaml:4:50: gpus[0].compute_capability: 8.9 is read as a number; write it in quotes: "8.9"',
        "m.yaml:5:3: gpus[1]: the key 'index' is missing",
        'm.yaml:5:29: gpus[1].memory_mib: "12" is not a whole number',
        'm.yaml:6:37: nvidia.driver_version: 570.86 is read as a number; write it in quotes: "570.86"',
    ]


@pytest.mark.parametrize("length", [10, 200, 400, 800])
def test_a_truncated_file_says_where_it_ends(length: int) -> None:
    text = json.dumps(machine(), indent=1)
    assert len(text) > length
    (line,) = evidence(text[:length])
    assert line.startswith("m.yaml:")
    assert "not YAML" in line


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "m.yaml:1:1: the file is empty"),
        ("[]", "m.yaml:1:1: [] is not a mapping"),
        ("null", "m.yaml:1:1: null is not a mapping"),
        ('{"schema": 1, "schema": 1}', "m.yaml:1:15: schema: this key is already in line 1"),
        ("schema: 2\nos: {system: linux, arch: x86_64}\ngpus: []", "m.yaml:1:9: schema: 2 is not a schema that this version reads (1)"),
    ],
)  # fmt: skip
def test_what_is_no_facts_file(content: str, problem: str) -> None:
    assert problem in evidence(content)


CONTRADICTIONS: dict[str, tuple[Callable[[Facts], object], str]] = {
    "the same index twice": (
        lambda facts: facts["gpus"].append({"index": 0, "vendor": "nvidia"}),
        "gpus[2].index: '0' is also that of gpus[0]",
    ),
    "the same UUID twice": (
        lambda facts: facts["gpus"].append({"index": 2, "vendor": "nvidia", "uuid": "GPU-1"}),
        "gpus[2].uuid: 'GPU-1' is also that of gpus[0]",
    ),
    "two cards in one slot": (
        lambda facts: facts["gpus"][1].update(pci_address="0000:01:00.0"),
        "gpus[1].pci_address: '0000:01:00.0' is also that of gpus[0]",
    ),
    "a compute capability that is none": (
        lambda facts: facts["gpus"][0].update(compute_capability="sm_89"),
        "gpus[0].compute_capability: 'sm_89' is no compute capability such as 8.9",
    ),
    "a compute capability on AMD": (
        lambda facts: facts["gpus"][1].update(compute_capability="8.9"),
        "gpus[1].compute_capability: only NVIDIA GPUs have one, and the vendor is amd",
    ),
    "a gfx target on NVIDIA": (
        lambda facts: facts["gpus"][0].update(gfx="gfx1100"),
        "gpus[0].gfx: only AMD GPUs have one, and the vendor is nvidia",
    ),
    "a gfx target that is none": (
        lambda facts: facts["gpus"][1].update(gfx="navi31"),
        "gpus[1].gfx: 'navi31' is no target such as gfx1100",
    ),
    "NVML without a driver": (
        lambda facts: facts.update(nvidia=None),
        "gpus[0].source: nvml found this GPU, which takes a working driver, and there is no nvidia section",
    ),
    "a driver that works without a version": (
        lambda facts: facts["nvidia"].update(driver_version=None),
        "nvidia.state: is ok, and driver_version is unknown; a driver that works tells its version",
    ),
    "no driver with a version": (
        lambda facts: facts["nvidia"].update(state="missing"),
        "nvidia.state: is missing, and driver_version is 580.65.06",
    ),
    "no module with a version": (
        lambda facts: facts["nvidia"].update(state="not_loaded", loaded_version="580.65.06"),
        "nvidia.state: is not_loaded, and loaded_version is 580.65.06",
    ),
    "a mismatch of equals": (
        lambda facts: facts["nvidia"].update(state="mismatch", loaded_version="580.65.06"),
        "nvidia.state: is mismatch, and driver_version and loaded_version are the same",
    ),
    "a driver version that is none": (
        lambda facts: facts["nvidia"].update(driver_version="newest"),
        "nvidia.driver_version: 'newest' is no driver version such as 580.65.06",
    ),
    "a CUDA version that is none": (
        lambda facts: facts["nvidia"].update(cuda_version="cu130"),
        "nvidia.cuda_version: 'cu130' is no CUDA version such as 13.0",
    ),
    "WSL on a Mac": (
        lambda facts: (facts["os"].update(system="darwin", libc=None), facts["context"].update(wsl=2)),
        "context.wsl: WSL runs Linux, and the system is darwin",
    ),
    "a container on a Mac": (
        lambda facts: (facts["os"].update(system="darwin", libc=None), facts["context"].update(container="docker")),
        "context.container: containers run Linux or Windows, and the system is darwin",
    ),
    "glibc on Windows": (
        lambda facts: facts["os"].update(system="windows"),
        "os.libc: glibc is a library of Linux, and the system is windows",
    ),
    "an Apple GPU on Linux": (
        lambda facts: facts["gpus"][1].update(vendor="apple", gfx=None),
        "gpus[1].vendor: Apple's GPUs run macOS, and the system is linux",
    ),
    "a Jetson on x86": (
        lambda facts: facts["context"].update(jetson="t234"),
        "context.jetson: a Jetson is aarch64, and os.arch is x86_64",
    ),
    "a libc version that is none": (
        lambda facts: facts["os"].update(libc_version="new"),
        "os.libc_version: 'new' is no version such as 2.39",
    ),
    "a Python version that is none": (
        lambda facts: facts["pythons"][0].update(version="three"),
        "pythons[0].version: 'three' is no Python version such as 3.12.3",
    ),
    "a free-threaded Python before there was one": (
        lambda facts: facts["pythons"][0].update(free_threaded=True),
        "pythons[0].free_threaded: free-threaded Pythons begin with 3.13, and this is 3.12.3",
    ),
    "a toolkit version that is none": (
        lambda facts: facts["toolkits"][0].update(version="latest"),
        "toolkits[0].version: 'latest' is no CUDA version such as 13.0",
    ),
    "a torch version that is none": (
        lambda facts: facts["torch"][0].update(version="new"),
        "torch[0].version: 'new' is no version such as 2.13.0+cpu",
    ),
    "less than no space": (lambda facts: facts["space"].update(home_mib=-1), "space.home_mib: -1 is negative"),
    "an empty architecture": (lambda facts: facts["os"].update(arch=""), "os.arch: is empty"),
    "a negative index": (lambda facts: facts["gpus"][0].update(index=-1), "gpus[0].index: is negative"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_values_that_contradict_each_other(name: str) -> None:
    change, problem = CONTRADICTIONS[name]
    lines = evidence(changed(change))
    assert len(lines) == 1
    assert lines[0].endswith(problem)
    assert int(lines[0].split(":")[1]) > 1, "it has a line of its own"


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["gpus"][1].update(index=0),
        lambda facts: facts["nvidia"].update(driver_version="535.183.01-grid"),
        lambda facts: facts["pythons"][0].update(version="3.15.0a2"),
        lambda facts: facts["nvidia"].update(state="mismatch", loaded_version="570.86.16"),
        lambda facts: facts["os"].update(version="trixie/sid"),
        lambda facts: facts["gpus"].append({"index": 2, "vendor": "nvidia", "compute_capability": "12.0"}),
    ],
)
def test_odd_machines_that_exist_are_accepted(change: Callable[[Facts], object]) -> None:
    assert isinstance(parse_facts(changed(change).encode(), "m.json"), MachineFacts)


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(machine()))
    assert read_facts(path).os.id == "debian"
