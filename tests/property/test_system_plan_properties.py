"""What no plan may ever do to a system, whatever the machine and the answers."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.machines import request_of
from support.system_plans import planned, system_steps
from torchup.errors import NoSolutionError, RefusedError, UsageError
from torchup.knowledge.chips import chips
from torchup.knowledge.tables import table
from torchup.model.facts import (
    DriverOrigin,
    DriverState,
    Gpu,
    MachineFacts,
    NvidiaDriver,
    OperatingSystem,
    PackageSource,
    Python,
    Surroundings,
)
from torchup.model.plan import AddRepository, CheckDriver, Command, InstallSystemPackages, Plan, Reboot, WriteFile
from torchup.model.serial import dump, load

pytestmark = pytest.mark.live_tables

_BEFORE_TURING = {"maxwell", "pascal", "volta"}
_SYSTEMS = [
    ("ubuntu", "20.04", (), "5.4.0-216-generic"),
    ("ubuntu", "22.04", (), "5.15.0-160-generic"),
    ("ubuntu", "24.04", (), "6.14.0-33-generic"),
    ("ubuntu", "26.04", (), "7.0.0-30-generic"),
    ("linuxmint", "22", ("ubuntu", "debian"), "6.8.0-51-generic"),
    ("debian", "11", (), "5.10.0-35-amd64"),
    ("debian", "12", (), "6.1.0-40-amd64"),
    ("debian", "13", (), "6.12.48+deb13-amd64"),
    ("fedora", "43", (), "6.17.1-300.fc43.x86_64"),
    ("fedora", "44", (), "6.19.4-200.fc44.x86_64"),
    ("rocky", "8.10", ("rhel",), "4.18.0-553.el8_10.x86_64"),
    ("rhel", "9.6", ("fedora",), "5.14.0-570.el9.x86_64"),
    ("almalinux", "10.0", ("rhel",), "6.12.0-55.el10_0.x86_64"),
    ("amzn", "2023", ("fedora",), "6.1.150-174.273.amzn2023.x86_64"),
    ("sles", "15.7", ("suse",), "6.4.0-150700.53.16-default"),
    ("opensuse-leap", "15.6", ("suse",), "6.4.0-150600.23.70-default"),
    ("arch", None, (), "6.17.4-arch1-1"),
    ("gentoo", "2.17", (), "6.12.1-gentoo"),
]
_SUITES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}
_STATES: list[DriverState] = ["missing", "ok", "not_loaded", "mismatch", "nouveau", "error"]
_VERSIONS = [None, "418.226.00", "470.256.02", "535.183.01", "550.163.01", "580.95.05", "595.91.07", "610.57.04"]
_ORIGINS: list[DriverOrigin | None] = ["distribution", "nvidia", "rpmfusion", "runfile", "runfile", None]
_INSTALLED = ("old-driver-one", "old-driver-two")
_AROUND = [
    *[Surroundings()] * 9,
    Surroundings(wsl=2),
    Surroundings(wsl=1),
    Surroundings(container="docker"),
    Surroundings(container="lxc"),
    Surroundings(jetson="t234"),
]
# Names by which some repository calls a driver, or which drag one in.
_DRIVER = re.compile(
    r"cuda|cuda-drivers.*|cuda-runtime.*|(akmod|kmod|linux-modules)-nvidia.*|xorg-x11-drv-nvidia.*|libcuda1|"
    r"libnvidia-(compute|tesla).*|nvidia-(dkms|driver|kernel|lts|open|settings|smi|tesla|utils).*"
)
_OPEN = re.compile(r"nvidia-open.*|nvidia-lts-open|.*-open(-.*)?|nvidia-driver-\d+-open")
_PROPRIETARY = re.compile(
    r"cuda-drivers.*|nvidia-kernel-dkms|nvidia-driver-\d+|akmod-nvidia-580xx|nvidia-tesla-470-driver"
)


@cache
def _ids() -> list[tuple[str, str]]:
    return [(row["name"], pci_id) for row in table("nvidia_chips")["chips"] for pci_id in row["pci_ids"][:1]]


@cache
def _architectures() -> dict[str, str]:
    return {chip.name: chip.architecture for chip in chips()}


@st.composite
def _machines(draw: st.DrawFn) -> MachineFacts:
    name, version, like, kernel = draw(st.sampled_from(_SYSTEMS))
    system = OperatingSystem(
        system="linux",
        id=name,
        version=version,
        like=like,
        arch=draw(st.sampled_from(["x86_64", "x86_64", "aarch64"])),
        kernel=draw(st.sampled_from([kernel, kernel, kernel, None])),
        libc="glibc",
        libc_version="2.39",
    )
    cards = draw(st.lists(st.sampled_from(_ids()), min_size=1, max_size=2))
    gpus = tuple(
        Gpu(index=place, vendor="nvidia", chip=chip, pci_id=f"10de:{pci_id}", source="pci")
        for place, (chip, pci_id) in enumerate(cards)
    )
    state = draw(st.sampled_from(_STATES))
    installed = draw(st.sampled_from(_VERSIONS)) if state != "missing" else None
    origin = draw(st.sampled_from(_ORIGINS)) if installed else None
    driver = NvidiaDriver(
        state=state,
        driver_version=installed,
        loaded_version=installed if state == "ok" else None,
        origin=origin,
        packages=_INSTALLED if origin not in (None, "runfile") else (),
    )
    return MachineFacts(
        os=system,
        context=replace(draw(st.sampled_from(_AROUND)), secure_boot=draw(st.sampled_from([True, False, None]))),
        gpus=gpus,
        nvidia=driver,
        pythons=(Python(path="/usr/bin/python3", version="3.12.3"),),
        # One machine in four does not tell where its packages come from.
        apt_sources=_sources(version) if name == "debian" and draw(st.sampled_from([True, True, True, False])) else (),
    )


def _sources(version: str | None) -> tuple[PackageSource, ...]:
    return (
        PackageSource(uri="http://mirror.example/debian", suites=(_SUITES[version or "12"],), components=("main",)),
    )


_ANSWERS = st.fixed_dictionaries(
    {
        "driver": st.fixed_dictionaries(
            {
                "action": st.sampled_from(["install", "install", "install", "auto", "keep"]),
                "branch": st.sampled_from(["auto", "auto", "auto", "470", "535", "570", "580", "595", "610", "615"]),
                "module": st.sampled_from(["auto", "auto", "open", "proprietary"]),
            }
        ),
        "cuda_toolkit": st.fixed_dictionaries(
            {
                "source": st.sampled_from(["none", "system"]),
                "version": st.sampled_from(["auto", "12.4", "13.0"]),
                "cudnn": st.booleans(),
            }
        ),
    }
)


def _plan(facts: MachineFacts, answers: dict[str, Any]) -> Plan | None:
    try:
        return planned(facts, request_of(answers))
    except (RefusedError, NoSolutionError, UsageError):
        return None


def _commands(plan: Plan) -> list[Command]:
    found = (AddRepository, InstallSystemPackages)
    return [command for step in plan.steps if isinstance(step, found) for command in step.commands]


def _names(plan: Plan) -> set[str]:
    """Give every word of the commands and every package: a driver must be in none of them, by whatever name."""
    words = {word for command in _commands(plan) for word in command.argv}
    words |= {name for step in plan.steps if isinstance(step, InstallSystemPackages) for name in step.packages}
    return {re.split(r"[=<]", word)[0] for word in words}


def _drivers(plan: Plan) -> set[str]:
    return {name for name in _names(plan) if _DRIVER.fullmatch(name)}


@given(facts=_machines(), answers=_ANSWERS)
@settings(max_examples=400, deadline=None)
def test_no_plan_breaks_the_rules_of_drivers(facts: MachineFacts, answers: dict[str, Any]) -> None:
    plan = _plan(facts, answers)
    if plan is None:
        return
    drivers = _drivers(plan)
    around = facts.context
    if around.wsl or around.container or around.jetson or answers["driver"]["action"] != "install":
        assert not drivers
        assert not any(isinstance(step, Reboot | CheckDriver) for step in plan.steps)
    checks = [step for step in plan.steps if isinstance(step, CheckDriver)]
    steps = [step for step in plan.steps if isinstance(step, InstallSystemPackages) and step.id == "driver"]
    assert len(steps) <= 1
    assert bool(steps) == bool(drivers)
    architectures = {_architectures()[gpu.chip or ""] for gpu in facts.gpus}
    for step in steps:
        (check,) = checks
        packages = {name.partition("=")[0] for name in step.packages}
        if architectures & _BEFORE_TURING:
            assert check.branch, "a source that moves on would leave the card behind"
            assert int(check.branch) <= 580
            assert check.module == "proprietary"
            assert not {name for name in packages if _OPEN.fullmatch(name)}
        if "blackwell" in architectures:
            assert not check.branch or int(check.branch) >= 570
            assert check.module == "open"
            assert not {name for name in packages if _PROPRIETARY.fullmatch(name)}
        _only_one_source(facts, plan, step)
    assert load(Plan, dump(plan)) == plan


def _only_one_source(facts: MachineFacts, plan: Plan, step: InstallSystemPackages) -> None:
    """The driver that was there comes from the same source, or goes before the new one comes."""
    driver = facts.nvidia
    assert driver is not None
    lines = [command.argv for command in step.commands]
    removing = [
        place for place, argv in enumerate(lines) if set(_INSTALLED) <= set(argv) or argv[0] == "nvidia-uninstall"
    ]
    installing = max(
        place for place, argv in enumerate(lines) if set(argv) & {"install", "-Syu"} and "--download-only" not in argv
    )
    # A toolkit may come from another source, after the driver.
    before = plan.steps[: plan.steps.index(step)]
    url = any("developer.download.nvidia.com" in getattr(found, "url", "") for found in before)
    source = (
        "nvidia" if url else "rpmfusion" if any(name.startswith("akmod-") for name in step.packages) else "distribution"
    )
    if driver.driver_version and driver.origin != source:
        assert removing
        assert removing[0] < installing
    else:
        assert not removing


@given(facts=_machines(), answers=_ANSWERS)
@settings(max_examples=200, deadline=None)
def test_nothing_asks_and_nothing_is_a_string_for_a_shell(facts: MachineFacts, answers: dict[str, Any]) -> None:
    plan = _plan(facts, answers)
    if plan is None:
        return
    says_yes = {"apt-get": "-y", "dnf": "-y", "zypper": "--non-interactive", "pacman": "--noconfirm"}
    for command in _commands(plan):
        program = command.argv[0]
        assert not re.search(r"[\s{}]", program)
        assert program not in ("sh", "bash", "sudo", "curl", "wget")
        if program in says_yes and not {"update", "config-manager"} & set(command.argv):
            assert says_yes[program] in command.argv
        if program == "apt-get":
            assert "DPkg::Lock::Timeout=600" in command.argv
            assert command.environment["DEBIAN_FRONTEND"] == "noninteractive"
        assert not any(re.search(r"\{[a-z-]+\}", word) or word == "" for word in command.argv)
    for step in system_steps(plan):
        if isinstance(step, WriteFile):
            assert step.path.startswith("/etc/")
            assert not re.search(r"\{[a-z-]+\}", step.content)


@given(facts=_machines(), answers=_ANSWERS)
@settings(max_examples=200, deadline=None)
def test_a_toolkit_never_brings_a_driver_or_a_restart(facts: MachineFacts, answers: dict[str, Any]) -> None:
    works = replace(facts, nvidia=NvidiaDriver(state="ok", driver_version="580.95.05"))
    asked = {**answers, "driver": {"action": "auto"}, "cuda_toolkit": {**answers["cuda_toolkit"], "source": "system"}}
    plan = _plan(works, asked)
    if plan is None:
        return
    assert not _drivers(plan)
    assert not any(isinstance(step, Reboot | CheckDriver) for step in plan.steps)
    assert [step.id for step in plan.steps].count("cuda-toolkit") == 1
