"""What the probe reads from NVIDIA's and AMD's drivers, from stand-ins for their libraries and files."""

from __future__ import annotations

import ctypes
import importlib.util
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.wrong_kernels import load_probe

STAND_IN = Path(__file__).parents[2] / "support" / "sabotage" / "stand_in_gpu.py"


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The probe, with two sound GPUs in the driver."""
    spec = importlib.util.spec_from_file_location("stand_in_gpu", STAND_IN)
    assert spec is not None
    assert spec.loader is not None
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    monkeypatch.setattr(ctypes, "CDLL", ctypes.CDLL)  # put back afterwards
    stand_in.stand_in_libraries()
    probe = load_probe()
    probe.answers = stand_in.NVML
    monkeypatch.setattr(probe, "kernel_log", lambda: "")
    return probe


def bench(probe: Any, kind: str = "cuda") -> Any:
    return probe.Bench(None, "cuda:1", kind)


def test_a_gpu_is_found_by_its_address_on_the_bus(probe: Any) -> None:
    assert probe.pci_address(1) == "0000:02:00.0"
    assert probe.Nvml().handle(1).value == 2


def test_a_sound_gpu(probe: Any) -> None:
    result = probe.check_health(bench(probe))
    assert (result.status, result.hint) == ("pass", None)
    notes = result.extra["notes"]["health"]
    assert (notes["uncorrected since load"], notes["temperature"], notes["xids"]) == (0, 54, [])


@pytest.mark.parametrize(
    ("function", "numbers", "status", "hint"),
    [
        ("nvmlDeviceGetTotalEccErrors", [5], "warn", "ecc-uncorrectable"),
        ("nvmlDeviceGetRemappedRows", [0, 1, 1, 0], "fail", "ecc-uncorrectable"),
        ("nvmlDeviceGetRemappedRows", [0, 1, 0, 1], "fail", "ecc-uncorrectable"),
        ("nvmlDeviceGetRemappedRows", [4, 0, 0, 0], "pass", None),
        ("nvmlDeviceGetComputeMode", [2], "fail", "exclusive-compute-mode"),
        ("fabric", [2], "fail", "fabric-manager-missing"),
        ("fabric", [3], "pass", None),
        ("fabric", [3, 999], "warn", "fabric-not-joined"),
        ("fabric", [0, 999], "pass", None),
        ("recovery", [2], "fail", "gpu-needs-reset"),
    ],
)
def test_an_unsound_gpu(probe: Any, function: str, numbers: list[int], status: str, hint: str | None) -> None:
    probe.answers[function] = numbers
    result = probe.check_health(bench(probe))
    assert (result.status, result.hint) == (status, hint), result.detail


@pytest.mark.parametrize(("action", "said"), [(1, "a reset of the GPU"), (6, "a reset of the bus"), (99, "a recovery")])
def test_what_the_driver_asks_for_is_said(probe: Any, action: int, said: str) -> None:
    probe.answers["recovery"] = [action]
    assert f"the driver asks for {said}" in probe.check_health(bench(probe)).detail


def test_an_old_driver_answers_less_and_is_no_failure(probe: Any) -> None:
    for name in list(probe.answers):
        if name not in ("nvmlInit_v2", "nvmlDeviceGetCount_v2"):
            del probe.answers[name]
    result = probe.check_health(bench(probe))
    assert result.status == "pass"
    assert result.detail.startswith("no ECC")


def test_without_the_library_nothing_is_said_about_health(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    with pytest.raises(probe.Skip, match="not found"):
        probe.check_health(bench(probe))


def test_a_new_xid_during_the_test(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = probe.check_health(bench(probe)).extra["notes"]
    monkeypatch.setattr(probe, "kernel_log", lambda: "NVRM: Xid (PCI:0000:02:00): 79, GPU has fallen off the bus.")
    after = probe.check_health(bench(probe)._replace(notes=before))
    assert (after.status, after.hint) == ("fail", "xid-79-fallen-off-bus")


def test_an_xid_of_another_gpu_is_not_of_this_one(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "kernel_log", lambda: "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.")
    assert probe.check_health(bench(probe)).status == "pass"
    monkeypatch.setattr(probe, "pci_address", lambda _index: "0000:01:00.0")
    assert probe.check_health(bench(probe)).hint == "xid-79-fallen-off-bus"


class Block:
    """A piece of memory that is copied by a stand-in for the clock."""

    def __init__(self, *, pinnable: bool) -> None:
        self.pinnable = pinnable

    def numel(self) -> int:
        return 1_000_000_000 // 4

    def pin_memory(self) -> Block:
        if not self.pinnable:
            raise RuntimeError("CUDA error: OS call failed or operation not supported on this OS")
        return self


def copied(probe: Any, rate: float, name: str = "NVIDIA H100 80GB HBM3", *, pinnable: bool = True) -> Any:
    """Check a link on which 1 GB goes at this rate."""
    block = Block(pinnable=pinnable)
    cuda = SimpleNamespace(
        get_device_name=lambda _index: name,
        get_device_capability=lambda _device: (9, 0),
        get_device_properties=lambda _index: SimpleNamespace(multi_processor_count=132),
    )
    torch = SimpleNamespace(ones=lambda *_, **__: block, empty_like=lambda *_, **__: block, float32=0, cuda=cuda)

    def measure(*_given: Any) -> float:
        time.sleep(0.1)  # NVML is asked meanwhile
        return 1 / rate

    return probe.check_pcie(probe.Bench(torch, "cuda:1", "cuda"), measure)


def test_a_link_is_judged_by_what_the_driver_says_of_it(probe: Any) -> None:
    assert copied(probe, 55.0).status == "pass"
    assert copied(probe, 8.0).status == "fail"


def test_a_gpu_at_nvlink_c2c_has_no_link_to_compare_with(probe: Any) -> None:
    probe.answers |= {"nvmlDeviceGetCurrPcieLinkGeneration": [1], "nvmlDeviceGetCurrPcieLinkWidth": [1]}
    assert copied(probe, 55.0).hint == "timing-wrong"
    for name in ("NVIDIA GH200 480GB", "NVIDIA GB200", "NVIDIA GB10"):
        assert (copied(probe, 55.0, name).status, copied(probe, 55.0, name).value) == ("skip", 55.0)


def test_a_link_that_is_encrypted_has_no_reference(probe: Any) -> None:
    probe.answers["confidential"] = [1]
    found = copied(probe, 8.0)
    assert (found.status, found.value, found.threshold) == ("skip", 8.0, None)
    assert "confidential computing" in found.detail


def test_memory_that_cannot_be_pinned_says_nothing_about_the_link(probe: Any) -> None:
    with pytest.raises(probe.Skip, match="no memory could be pinned"):
        copied(probe, 8.0, pinnable=False)


def test_a_container_is_asked_for_the_gpus_that_it_was_given(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "in_container", lambda: True)
    assert probe.count_nvidia()[1] == 2
    del probe.answers["nvmlDeviceGetCount_v2"]
    monkeypatch.setattr(probe.Path, "glob", lambda *_: iter(range(8)))
    monkeypatch.setattr(probe, "nvidia_on_bus", lambda _folder: [])
    assert probe.count_nvidia()[1] == 0
    monkeypatch.setattr(probe, "in_container", lambda: False)
    assert probe.count_nvidia()[1] == 8


def test_samples_under_load(probe: Any) -> None:
    sampler = probe.Sampler(bench(probe), 0.01)
    sampler.take()
    assert sampler.samples == [
        {"reasons": 4, "clock": 1755, "generation": 5, "width": 16, "widest": 16, "temperature": 54}
    ]
    assert sampler.clock() == " at 1755 MHz"
    with probe.Sampler(bench(probe, "hip")) as silent:
        pass
    assert (silent.samples, silent.clock()) == ([], "")


def test_a_driver_before_535_tells_the_reasons_under_their_old_name(probe: Any) -> None:
    probe.answers["nvmlDeviceGetCurrentClocksThrottleReasons"] = probe.answers.pop(
        "nvmlDeviceGetCurrentClocksEventReasons"
    )
    sampler = probe.Sampler(bench(probe))
    sampler.take()
    assert sampler.samples[0]["reasons"] == 4


def test_gpus_that_mig_has_split_and_that_have_no_instance(probe: Any) -> None:
    assert not probe.only_empty_mig()
    probe.answers["nvmlDeviceGetMigMode"] = [1, 1]
    assert not probe.only_empty_mig(), "a driver that does not tell is no proof"


def test_why_two_gpus_do_not_reach_each_other(probe: Any) -> None:
    both = bench(probe)._replace(devices=("cuda:0", "cuda:1"))
    assert probe.p2p_states(both) == {}
    probe.answers["nvmlDeviceGetP2PStatus"] = [3]
    assert probe.p2p_states(both) == {("cuda:0", "cuda:1"): "topology", ("cuda:1", "cuda:0"): "topology"}


def amd_card(folder: Path, address: str, ue: int, width: int = 16) -> None:
    card = folder / address
    (card / "ras").mkdir(parents=True)
    (card / "ras" / "umc_err_count").write_text(f"ue: {ue}\nce: 12\n")
    (card / "current_link_speed").write_text("16.0 GT/s PCIe\n")
    (card / "current_link_width").write_text(f"{width}\n")
    (card / "max_link_width").write_text("16\n")


def test_an_amd_card_tells_errors_and_link_in_files(probe: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="counts no errors"):
        probe.health_of_amd(str(tmp_path))
    assert probe.link_of_amd(str(tmp_path)) is None
    amd_card(tmp_path, "0000:03:00.0", 2, width=8)
    assert probe.health_of_amd(str(tmp_path)) == {"uncorrected since load": 2}
    assert probe.link_of_amd(str(tmp_path)) == (4, 8, 16)
    amd_card(tmp_path, "0000:43:00.0", 1)
    assert probe.health_of_amd(str(tmp_path)) == {"uncorrected since load": 3}
    assert probe.link_of_amd(str(tmp_path)) is None, "with two cards it is not known which one is meant"
