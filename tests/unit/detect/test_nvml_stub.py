"""The real pynvml against a stand-in for libnvidia-ml.so.1: cards, MIG and every error code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.fake_nvml.builder import StubGpu, stub_environment
from support.trees import lay_out, pci_tree
from torchup.detect.nvml_errors import QUIET, nvml_error

RTX_4090 = StubGpu(
    name="NVIDIA GeForce RTX 4090",
    pci_id="10de:2684",
    bus_id="00000000:01:00.0",
    capability="8.9",
    uuid="GPU-11111111-2222-3333-4444-555555555555",
)
GTX_1080_TI = StubGpu(
    name="NVIDIA GeForce GTX 1080 Ti", pci_id="10de:1b06", bus_id="00000000:02:00.0", capability="6.1", memory_mib=11264
)
A100 = StubGpu(
    name="NVIDIA A100-SXM4-80GB",
    pci_id="10de:20b2",
    bus_id="00000000:17:00.0",
    capability="8.0",
    memory_mib=81920,
    mig=False,
)
GB10 = StubGpu(name="NVIDIA GB10", pci_id="10de:2e12", bus_id="0000000F:01:00.0", capability="12.1", memory_mib=None)

OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder@U22)\n"
    "GCC version:  gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2~24.04)\n"
)


def machine(tmp_path: Path, *gpus: StubGpu, loaded: bool = True, extra: dict[str, Any] | None = None) -> Path:
    devices = [
        {"address": gpu.bus_id[4:].lower(), "id": gpu.pci_id, "class": "0300", "driver": "nvidia" if loaded else ""}
        for gpu in gpus
    ]
    tree: dict[str, Any] = {"/etc/os-release": 'ID=ubuntu\nVERSION_ID="24.04"\n', "/proc/version": "Linux"}
    tree |= pci_tree(devices)
    if loaded:
        tree |= {"/proc/driver/nvidia/version": OPEN_MODULE, "/dev/nvidiactl": "", "/dev/nvidia-uvm": ""}
        tree |= {f"/dev/nvidia{index}": "" for index in range(len(gpus))}
    return lay_out(tmp_path / "root", {**tree, **(extra or {})})


def codes(facts: Any) -> list[str]:
    return [finding["code"] for finding in facts["findings"]]


def test_one_card_is_described_whole(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    facts = detect_in_child(machine(tmp_path, RTX_4090), stub_environment(nvml_stub, RTX_4090, cuda=13040))

    assert facts["gpus"] == [
        {
            "index": 0,
            "vendor": "nvidia",
            "name": "NVIDIA GeForce RTX 4090",
            "compute_capability": "8.9",
            "gfx": None,
            "chip": "AD102",
            "pci_id": "10de:2684",
            "pci_address": "0000:01:00.0",
            "memory_mib": 24564,
            "uuid": "GPU-11111111-2222-3333-4444-555555555555",
            "mig": None,
            "source": "nvml",
        }
    ]
    assert facts["nvidia"] == {
        "state": "ok",
        "driver_version": "580.95.05",
        "cuda_version": "13.4",
        "kernel_module": "open",
        "loaded_version": "580.95.05",
        "origin": None,
        "packages": [],
    }
    assert not [code for code in codes(facts) if code.startswith(("nv", "gpu"))]


def test_mixed_cards_come_in_the_order_of_the_bus(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    root = machine(tmp_path, RTX_4090, GTX_1080_TI)
    facts = detect_in_child(root, stub_environment(nvml_stub, GTX_1080_TI, RTX_4090))

    assert [(gpu["index"], gpu["compute_capability"], gpu["memory_mib"]) for gpu in facts["gpus"]] == [
        (0, "8.9", 24564),
        (1, "6.1", 11264),
    ]
    assert "proprietary-module-required" in codes(facts)


def test_a_card_without_memory_of_its_own(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    facts = detect_in_child(machine(tmp_path, GB10), stub_environment(nvml_stub, GB10))

    assert facts["gpus"][0]["memory_mib"] is None
    assert facts["gpus"][0]["pci_address"] == "000f:01:00.0"
    assert not [code for code in codes(facts) if code.startswith("nvml")]


@pytest.mark.parametrize(
    ("mig", "instances", "mode", "noted"),
    [(False, 0, "disabled", False), (True, 0, "enabled", True), (True, 2, "enabled", False)],
)
def test_mig(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, mig: bool, instances: int, mode: str, noted: bool
) -> None:
    card = StubGpu(
        name=A100.name, pci_id=A100.pci_id, bus_id=A100.bus_id, capability="8.0", mig=mig, instances=instances
    )
    facts = detect_in_child(machine(tmp_path, card), stub_environment(nvml_stub, card))

    assert facts["gpus"][0]["mig"] == mode
    assert ("mig-without-instance" in codes(facts)) is noted


@pytest.mark.parametrize("number", [*range(1, 31), 999, 77])
def test_each_error_at_the_start_is_a_finding_of_its_own(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, number: int
) -> None:
    facts = detect_in_child(machine(tmp_path, RTX_4090), stub_environment(nvml_stub, RTX_4090, init=number))

    expected = nvml_error(number)
    assert expected.code in codes(facts)
    assert facts["nvidia"]["state"] != "ok"
    assert facts["nvidia"]["loaded_version"] == "580.95.05"
    assert [(gpu["chip"], gpu["source"]) for gpu in facts["gpus"]] == [("AD102", "pci")]


def test_every_error_has_its_own_code() -> None:
    numbers = [*range(1, 31), 999, 77]
    assert len({nvml_error(number).code for number in numbers}) == len(numbers)


@pytest.mark.parametrize(
    ("number", "loaded", "state"),
    [
        (4, True, "no_permission"),
        (9, False, "not_loaded"),
        (9, True, "error"),
        (12, False, "missing"),
        (15, True, "error"),
        (17, True, "error"),
        (18, True, "mismatch"),
        (999, True, "error"),
    ],
)
def test_the_state_that_an_error_stands_for(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, number: int, loaded: bool, state: str
) -> None:
    library = {} if number == 12 else {"/usr/lib64/libnvidia-ml.so.1": "library"}
    root = machine(tmp_path, RTX_4090, loaded=loaded, extra=library)
    facts = detect_in_child(root, stub_environment(nvml_stub, RTX_4090, init=number))

    assert facts["nvidia"]["state"] == state


@pytest.mark.parametrize("number", [4, 15, 16, 999])
def test_a_lost_gpu_is_still_known_by_its_place_on_the_bus(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, number: int
) -> None:
    environ = stub_environment(nvml_stub, RTX_4090, GTX_1080_TI, fail={"nvmlDeviceGetHandleByIndex@1": number})
    facts = detect_in_child(machine(tmp_path, RTX_4090, GTX_1080_TI), environ)

    assert facts["nvidia"]["state"] == "ok"
    assert [(gpu["name"], gpu["source"]) for gpu in facts["gpus"]] == [
        ("NVIDIA GeForce RTX 4090", "nvml"),
        ("NVIDIA GP102", "pci"),
    ]
    assert facts["gpus"][1]["compute_capability"] == "6.1"
    assert {nvml_error(number).code, "gpu-not-served"} <= set(codes(facts))


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetName", "name"),
        ("nvmlDeviceGetUUID", "uuid"),
        ("nvmlDeviceGetMemoryInfo", "memory_mib"),
        ("nvmlDeviceGetMigMode", "mig"),
    ],
)
@pytest.mark.parametrize("number", [3, 13, 999])
def test_a_question_that_fails_leaves_only_its_field_unknown(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, function: str, field: str, number: int
) -> None:
    card = A100
    facts = detect_in_child(machine(tmp_path, card), stub_environment(nvml_stub, card, fail={function: number}))

    gpu = facts["gpus"][0]
    assert gpu[field] == ("NVIDIA GA100" if field == "name" else None)
    assert gpu["compute_capability"] == "8.0"
    assert (nvml_error(number).code in codes(facts)) is (number not in QUIET)


def test_an_unknown_capability_is_told_by_the_chip(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    environ = stub_environment(nvml_stub, RTX_4090, fail={"nvmlDeviceGetCudaComputeCapability": 999})
    facts = detect_in_child(machine(tmp_path, RTX_4090), environ)

    assert facts["gpus"][0]["compute_capability"] == "8.9"
    assert "nvml-unknown" in codes(facts)


def test_a_driver_that_serves_no_card(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    facts = detect_in_child(machine(tmp_path, RTX_4090), stub_environment(nvml_stub))

    assert facts["nvidia"]["state"] == "error"
    assert "nvidia-driver-serves-no-gpu" in codes(facts)
    assert facts["gpus"][0]["compute_capability"] == "8.9"


def test_a_forbidden_compute_mode_is_noted(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    facts = detect_in_child(machine(tmp_path, RTX_4090), stub_environment(nvml_stub, RTX_4090, compute_mode=2))

    assert "compute-mode-prohibited" in codes(facts)


@pytest.mark.parametrize(("misbehave", "code"), [("hang", "nvml-timeout"), ("crash", "nvml-crashed")])
def test_a_broken_library_takes_nothing_with_it(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any, misbehave: str, code: str
) -> None:
    environ = stub_environment(nvml_stub, RTX_4090, misbehave=misbehave)
    facts = detect_in_child(machine(tmp_path, RTX_4090), environ, limit=0.5)

    assert code in codes(facts)
    assert facts["nvidia"]["state"] == "error"
    assert facts["gpus"][0]["chip"] == "AD102"
    assert facts["os"]["id"] == "ubuntu"


def test_cards_that_a_container_was_not_given_do_not_count(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any
) -> None:
    root = machine(tmp_path, RTX_4090, GTX_1080_TI, extra={"/run/.containerenv": ""})
    facts = detect_in_child(root, stub_environment(nvml_stub, RTX_4090))

    assert [gpu["name"] for gpu in facts["gpus"]] == ["NVIDIA GeForce RTX 4090"]
    assert "gpu-not-in-container" in codes(facts)


def test_wsl_shows_the_card_on_no_bus(tmp_path: Path, nvml_stub: Path, detect_in_child: Any) -> None:
    library = (nvml_stub / "libnvidia-ml.so.1").read_bytes().hex()
    root = lay_out(
        tmp_path / "root",
        {
            "/proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n",
            "/dev/dxg": "",
            "/sys/bus/pci/devices": None,
            "/usr/lib/wsl/lib/libnvidia-ml.so.1": {"bytes": library},
        },
    )
    environ = stub_environment(nvml_stub, RTX_4090, driver="566.36", cuda=12070)
    del environ["LD_LIBRARY_PATH"]  # the loader does not know WSL's folder
    facts = detect_in_child(root, environ)

    assert facts["context"]["wsl"] == 2
    assert facts["nvidia"]["state"] == "ok"
    assert facts["nvidia"]["driver_version"] == "566.36"
    assert facts["nvidia"]["cuda_version"] == "12.7"
    assert [gpu["pci_address"] for gpu in facts["gpus"]] == ["0000:01:00.0"]


def test_without_any_sign_of_nvidia_the_library_is_not_even_loaded(
    tmp_path: Path, nvml_stub: Path, detect_in_child: Any
) -> None:
    root = lay_out(tmp_path / "root", {"/sys/bus/pci/devices": None})
    facts = detect_in_child(root, stub_environment(nvml_stub, RTX_4090, misbehave="crash"))

    assert facts["nvidia"] is None
    assert facts["gpus"] == []
    assert not [code for code in codes(facts) if code.startswith("nvml")]
