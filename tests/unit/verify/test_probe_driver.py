"""What the probe reads from NVIDIA's and AMD's drivers, from stand-ins for their libraries and files."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
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
        ("recovery", [2], "fail", "gpu-needs-reset"),
    ],
)
def test_an_unsound_gpu(probe: Any, function: str, numbers: list[int], status: str, hint: str | None) -> None:
    probe.answers[function] = numbers
    result = probe.check_health(bench(probe))
    assert (result.status, result.hint) == (status, hint), result.detail


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
