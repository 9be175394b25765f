"""The driver's state, decided from all the evidence at once."""

from __future__ import annotations

from typing import Any

import pytest

from torchup.detect.nvidia import Evidence, judge_driver
from torchup.detect.nvidia_kernel import KernelView, parse_version
from torchup.model.facts import DriverState

NO_CARD = Evidence(
    answered=False,
    served=0,
    error=12,
    cards=0,
    bus_visible=True,
    nouveau=False,
    kernel=KernelView(),
    module_on_disk=False,
    nvml_library=None,
    cuda_library=None,
)
CARD = NO_CARD._replace(cards=1)
LOADED = KernelView(loaded=True, version="580.65.06", control_node=True, device_nodes=True)
LIBRARY = "/usr/lib64/libnvidia-ml.so.580.65.06"


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (NO_CARD, None),
        (NO_CARD._replace(nvml_library=LIBRARY, error=9), None),
        (NO_CARD._replace(bus_visible=False), None),
        (NO_CARD._replace(bus_visible=False, nvml_library=LIBRARY, error=9), "not_loaded"),
        (NO_CARD._replace(bus_visible=False, error=17), "error"),
        (NO_CARD._replace(answered=True, served=1), "ok"),
        (NO_CARD._replace(answered=True), "ok"),
        (CARD, "missing"),
        (CARD._replace(nouveau=True), "nouveau"),
        (CARD._replace(nouveau=True, error=9, nvml_library=LIBRARY), "nouveau"),
        (CARD._replace(error=9, nvml_library=LIBRARY), "not_loaded"),
        (CARD._replace(module_on_disk=True), "not_loaded"),
        (CARD._replace(error=4), "no_permission"),
        (CARD._replace(error=18), "mismatch"),
        (CARD._replace(error=None), "missing"),
        (CARD._replace(answered=True, served=1, kernel=LOADED), "ok"),
        (CARD._replace(answered=True, kernel=LOADED), "error"),
        (CARD._replace(answered=True, container=True), "no_device_nodes"),
        (CARD._replace(answered=True, container=True, kernel=LOADED), "error"),
        (CARD._replace(kernel=LOADED), "missing"),
        (CARD._replace(kernel=LOADED, cuda_library="/usr/lib64/libcuda.so.580.65.06"), "ok"),
        (CARD._replace(kernel=LOADED, cuda_library="/usr/lib64/libcuda.so.550.54.14"), "mismatch"),
        (CARD._replace(kernel=LOADED, error=9, nvml_library=LIBRARY), "error"),
        (CARD._replace(kernel=LOADED, error=999, nvml_library=LIBRARY), "error"),
        (CARD._replace(kernel=LOADED, error=None, nvml_library=LIBRARY), "error"),
        (CARD._replace(kernel=LOADED._replace(control_node=False), error=9), "no_device_nodes"),
        (CARD._replace(kernel=LOADED._replace(device_nodes=False), error=9), "no_device_nodes"),
        (CARD._replace(kernel=LOADED._replace(closed_nodes=("/dev/nvidiactl",)), error=999), "no_permission"),
        (NO_CARD._replace(wsl=True), None),
        (NO_CARD._replace(wsl=True, nvml_library="/usr/lib/wsl/lib/libnvidia-ml.so.1", error=17), "error"),
        (NO_CARD._replace(wsl=True, nvml_library="/usr/lib/wsl/lib/libnvidia-ml.so.1", error=9), "not_loaded"),
        (NO_CARD._replace(jetson=True), "missing"),
        (NO_CARD._replace(jetson=True, cuda_library="/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1.1"), "ok"),
    ],
)
def test_judge_driver(evidence: Any, state: DriverState | None) -> None:
    assert judge_driver(evidence) == state


def test_a_flavour_is_only_told_with_a_version() -> None:
    assert parse_version("NVRM version: NVIDIA UNIX Open Kernel Module\n") == (None, None)
