from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.machines import codes, machine, nvidia, request_of, resolved, title
from torchup.model.facts import Gpu, NvidiaDriver, Surroundings
from torchup.resolve.driver_service import branch_serves, served_range


@pytest.mark.parametrize(
    ("branch", "architecture", "serves"),
    [
        (470, "kepler", True),
        (535, "kepler", False),
        (510, "kepler", None),
        (525, "kepler", None),
        (450, "ampere", None),
        (470, "ada", False),
        (520, "ada", None),
        (535, "ada", True),
        (560, "ada", True),
        (550, "blackwell", False),
        (565, "blackwell", False),
        (570, "blackwell", True),
        (580, "pascal", True),
        (585, "pascal", None),
        (590, "pascal", False),
        (620, "pascal", False),
        (620, "rubin", True),
        (610, "rubin", False),
        (560, "rubin", False),
        (615, "turing", True),
    ],
)
def test_which_branch_serves_which_architecture(branch: int, architecture: str, serves: bool | None) -> None:
    assert branch_serves(branch, architecture) is serves


def test_ranges_are_written_from_the_side_that_ends() -> None:
    assert served_range("kepler") == "branch 470 or older"
    assert served_range("volta") == "branch 580 or older"
    assert served_range("blackwell") == "branch 570 or newer"
    assert served_range("rubin") == "branch 615 or newer"
    assert served_range("alien") == "a branch that is not known"


def _without_driver(*gpus: Gpu, state: Any = "missing", **more: Any) -> Any:
    return replace(machine(*gpus), nvidia=NvidiaDriver(state=state), **more)


def test_what_the_driver_lists_itself_counts_for_more_than_the_tables() -> None:
    listed = machine(*nvidia("6.1", source="nvml"), driver="590.48.01")
    assert resolved(listed).status == "ok"
    on_the_bus = machine(*nvidia("6.1", source="pci"), driver="590.48.01")
    decision = resolved(on_the_bus)
    assert decision.status == "action_needed"
    assert (decision.driver.action, decision.driver.branch) == ("install", "580")


def test_the_wrong_kernel_module_has_to_go() -> None:
    facts = machine(*nvidia("12.0", source="pci"), driver="580.95.05")
    closed = replace(facts, nvidia=NvidiaDriver(state="ok", driver_version="580.95.05", kernel_module="proprietary"))
    decision = resolved(closed)
    assert decision.status == "action_needed"
    assert (decision.driver.branch, decision.driver.module) == ("580", "open")
    assert "kernel-module-does-not-serve-gpu" in codes(decision)


def test_a_chosen_module_or_branch_is_kept_where_it_works() -> None:
    wish = request_of({"driver": {"action": "install", "module": "proprietary", "branch": "595"}})
    driver = resolved(_without_driver(*nvidia("8.9")), wish).driver
    assert (driver.action, driver.branch, driver.module) == ("install", "595", "proprietary")
    newer = request_of({"driver": {"action": "install", "branch": "640"}})
    assert resolved(_without_driver(*nvidia("8.9")), newer).driver.branch == "640"
    gone = request_of({"driver": {"action": "install", "module": "proprietary", "branch": "615"}})
    refused = resolved(_without_driver(*nvidia("8.9")), gone)
    assert refused.status == "no_solution"
    assert any("Loosen driver" in step.text for step in refused.next_steps)


def test_mok_is_only_told_of_where_a_module_is_to_be_loaded() -> None:
    secure = Surroundings(secure_boot=True)
    told = resolved(_without_driver(*nvidia("8.9"), context=secure)).next_steps
    assert any("MokManager" in step.text for step in told)
    fine = resolved(machine(*nvidia("8.9"), driver="580.95.05", context=secure))
    assert "Mok" not in " ".join(step.text for step in fine.next_steps)
    in_wsl = resolved(_without_driver(*nvidia("8.9"), context=Surroundings(secure_boot=True, wsl=2)))
    assert "Mok" not in " ".join(step.text for step in in_wsl.next_steps)


def test_a_driver_of_unknown_version_names_no_build() -> None:
    facts = replace(machine(*nvidia("8.9")), nvidia=NvidiaDriver(state="ok"))
    resolution = resolved(facts)
    assert (resolution.status, resolution.torch) == ("action_needed", None)
    assert any("nvidia-smi" in step.commands for step in resolution.next_steps)
    by_label = replace(facts, nvidia=NvidiaDriver(state="ok", cuda_version="12.4", driver_version="a word"))
    assert title(resolved(by_label)) == "2.14.1+cu126"


def test_nothing_known_about_a_driver_is_not_taken_for_a_driver() -> None:
    resolution = resolved(replace(machine(*nvidia("8.9")), nvidia=None))
    assert (resolution.status, resolution.driver.action) == ("action_needed", "install")
    assert "driver-unknown" in codes(resolution)


def test_a_vendor_suffix_does_not_hide_the_number() -> None:
    assert title(resolved(machine(*nvidia("8.6"), driver="535.183.01-grid"))) == "2.14.1+cu126"


def test_a_mismatch_counts_with_the_libraries_that_a_reboot_makes_current() -> None:
    driver = NvidiaDriver(state="mismatch", driver_version="570.211.01", loaded_version="580.95.05")
    resolution = resolved(replace(machine(*nvidia("8.9")), nvidia=driver))
    assert (resolution.driver.action, title(resolution)) == ("reboot", "2.14.1+cu126")


def test_nouveau_over_an_installed_driver_needs_no_installation() -> None:
    driver = NvidiaDriver(state="nouveau", driver_version="580.95.05")
    resolution = resolved(replace(machine(*nvidia("8.9")), nvidia=driver))
    assert resolution.driver.action == "reboot"
    assert any("blacklist" in command for step in resolution.next_steps for command in step.commands)


def test_a_driver_that_would_not_serve_the_gpu_after_a_reboot_is_replaced() -> None:
    driver = NvidiaDriver(state="not_loaded", driver_version="550.163.01")
    resolution = resolved(replace(machine(*nvidia("12.0")), nvidia=driver))
    assert (resolution.driver.action, resolution.driver.branch) == ("upgrade", "580")


def test_keep_without_a_driver_cannot_be() -> None:
    resolution = resolved(_without_driver(*nvidia("8.9")), request_of({"driver": {"action": "keep"}}))
    assert resolution.status == "no_solution"
    assert "driver-kept" in codes(resolution)
    assert any("Loosen driver: then the pick is torch 2.15.0+cu130" in step.text for step in resolution.next_steps)


@pytest.mark.parametrize(
    ("container", "command"),
    [
        ("docker", "docker run --gpus all ..."),
        ("podman", "podman run --device nvidia.com/gpu=all ..."),
        ("lxc", "lxc config device add <container> gpu gpu"),
        ("apptainer", "apptainer exec --nv ..."),
        ("kubernetes", "kubectl describe node | grep nvidia.com/gpu"),
    ],
)
def test_each_container_has_its_own_way_to_a_gpu(container: Any, command: str) -> None:
    facts = _without_driver(*nvidia("8.9"), state="no_device_nodes", context=Surroundings(container=container))
    resolution = resolved(facts)
    assert resolution.driver.action == "host"
    assert command in [command for step in resolution.next_steps for command in step.commands]


def test_three_kinds_of_gpu_name_the_largest_sets_that_work() -> None:
    resolution = resolved(_without_driver(*nvidia("7.0", "8.6", "12.0")))
    texts = [step.text for step in resolution.next_steps]
    assert resolution.status == "action_needed"
    assert any("gpus.use: [1, 2]" in text and "2.15.0+cu130" in text for text in texts)
    assert any("gpus.use: [0, 1]" in text and "2.14.1+cu126" in text for text in texts)
    assert not any("gpus.use: [1]" in text for text in texts)


def test_windows_has_one_driver_for_what_linux_needs_two() -> None:
    windows = replace(machine().os, system="windows", arch="amd64", libc=None)
    facts = replace(_without_driver(*nvidia("7.0", "12.0")), os=windows)
    resolution = resolved(facts)
    # One driver serves both, and so does one build: cu128 of 2.10 has 7.0 and 12.0.
    assert (resolution.status, title(resolution)) == ("action_needed", "2.10.0+cu128")
    assert resolution.driver.module is None
