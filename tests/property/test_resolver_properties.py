"""What holds for every machine, and not only for those somebody thought of."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from support.machines import PACKAGES, book_for, resolved, title
from torchup.knowledge.chips import Chip, chips, open_module_required
from torchup.knowledge.cubins import serving
from torchup.knowledge.drivers import branches, cuda_ceiling, minimum_driver
from torchup.knowledge.platforms import platform_of
from torchup.knowledge.releases import arch_list
from torchup.knowledge.rocm import gfx_lists, gfx_targets
from torchup.knowledge.snapshot import snapshot_offers
from torchup.knowledge.tables import table
from torchup.knowledge.variants import parse_variant
from torchup.model.facts import (
    DriverState,
    Gpu,
    MachineFacts,
    NvidiaDriver,
    OperatingSystem,
    Python,
    Surroundings,
    System,
)
from torchup.model.offer import OfferBook
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.model.serial import dump
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.resolve.decide import resolve

pytestmark = pytest.mark.live_tables

_DRIVERS = [
    "418.226.00", "450.80.01", "450.80.02", "470.256.02", "510.47.03", "525.60.12", "525.60.13", "535.183.01",
    "550.163.01", "560.35.05", "570.26", "570.211.01", "580.65.05", "580.65.06", "580.178.04", "590.48.01",
    "595.91.07", "610.57.04", "615.71.09", "620.10",
]  # fmt: skip
_PYTHONS = ["3.8.18", "3.9.2", "3.10.12", "3.11.2", "3.12.3", "3.13.1", "3.14.1", "3.14.2", "3.15.0", "3.16.0"]
_BITS: list[Literal[32, 64]] = [64, 64, 64, 32]
_SYSTEMS: list[tuple[System, str]] = [
    ("linux", "x86_64"),
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("windows", "amd64"),
]
_WSL: list[Literal[0, 2]] = [0, 0, 0, 2]
_WORKS: DriverState = "ok"
_TROUBLES: list[DriverState] = [
    "missing",
    "not_loaded",
    "mismatch",
    "nouveau",
    "no_device_nodes",
    "no_permission",
    "error",
]


@cache
def _ids() -> list[tuple[str, str]]:
    return [(row["name"], pci_id) for row in table("nvidia_chips")["chips"] for pci_id in row["pci_ids"][:2]]


@cache
def _chips() -> dict[str, Chip]:
    return {chip.name: chip for chip in chips()}


@st.composite
def _pythons(draw: st.DrawFn) -> tuple[Python, ...]:
    found = draw(st.lists(st.tuples(st.sampled_from(_PYTHONS), st.booleans(), st.sampled_from(_BITS)), max_size=4))
    return tuple(
        Python(path=f"/opt/{place}/bin/python", version=version, free_threaded=threaded, bits=bits)
        for place, (version, threaded, bits) in enumerate(found)
    )


@st.composite
def _systems(draw: st.DrawFn) -> OperatingSystem:
    system, arch = draw(st.sampled_from(_SYSTEMS))
    libc = draw(st.sampled_from(["2.17", "2.27", "2.28", "2.39"])) if system == "linux" else None
    return OperatingSystem(system=system, arch=arch, libc="glibc" if libc else None, libc_version=libc)


@st.composite
def _nvidia_gpus(draw: st.DrawFn, *, least: int = 1, most: int = 3) -> tuple[Gpu, ...]:
    found = draw(st.lists(st.sampled_from(_ids()), min_size=least, max_size=most))
    detected = draw(st.booleans())
    return tuple(
        Gpu(
            index=place,
            vendor="nvidia",
            chip=name,
            pci_id=f"10de:{pci_id}",
            compute_capability=str(_chips()[name].compute_capability or "") or None if detected else None,
        )
        for place, (name, pci_id) in enumerate(found)
    )


@st.composite
def _machines(draw: st.DrawFn) -> MachineFacts:
    gpus = draw(_nvidia_gpus(least=0))
    version = draw(st.sampled_from(_DRIVERS))
    state = draw(st.one_of(st.just(_WORKS), st.sampled_from(_TROUBLES)))
    driver = NvidiaDriver(state=state, driver_version=None if state == "missing" else version) if gpus else None
    system = draw(_systems())
    wsl = draw(st.sampled_from(_WSL)) if system.system == "linux" else 0
    return MachineFacts(os=system, gpus=gpus, nvidia=driver, pythons=draw(_pythons()), context=Surroundings(wsl=wsl))


def _capabilities(facts: MachineFacts) -> set[ComputeCapability]:
    known = {_chips()[gpu.chip or ""].compute_capability for gpu in facts.gpus if gpu.vendor == "nvidia"}
    return {capability for capability in known if capability}


@settings(max_examples=250, deadline=None)
@given(_machines())
def test_a_pick_never_fails_its_own_gates(facts: MachineFacts) -> None:
    resolution = resolved(facts)
    pick = resolution.torch
    if facts.gpus and pick and resolution.status == "ok":
        assert parse_variant(pick.variant).kind == "cuda", "a GPU never ends in a silent CPU build"
    if pick is None:
        assert resolution.status != "ok"
        return
    platform = platform_of(facts.os)
    assert platform
    _assert_wheels_load(facts, resolution)
    cuda = parse_variant(pick.variant).cuda
    if cuda is None:
        return
    driver = _driver_then(facts, resolution)
    numbers = "windows" if facts.os.system == "windows" or facts.context.wsl else "linux"
    minimum = minimum_driver(cuda[0], numbers)
    assert minimum
    assert driver is None or driver >= minimum.version
    listed = arch_list(pick.version, pick.variant, platform)
    assert listed
    for capability in _capabilities(facts):
        found = serving(capability, listed, cuda)
        assert found, (capability, pick)
        if found.kind == "ptx" and driver:
            assert (cuda_ceiling(driver) or (0, 0)) >= cuda


def _driver_then(facts: MachineFacts, resolution: Resolution) -> DriverVersion | None:
    """Tell which driver there is when the pick is installed."""
    decision = resolution.driver
    if decision.branch:
        row = next(row for row in branches() if str(row.branch) == decision.branch)
        return DriverVersion.parse(row.newest_seen or decision.branch)
    if decision.action in ("keep", "reboot"):
        assert facts.nvidia
        return DriverVersion.parse(facts.nvidia.driver_version or "0")
    return None


def _assert_wheels_load(facts: MachineFacts, resolution: Resolution) -> None:
    pick = resolution.torch
    assert pick
    tag = f"cp{pick.python.rstrip('t').replace('.', '')}"
    assert pick.wheels[0].tags[:2] == (tag, tag + ("t" if pick.python.endswith("t") else ""))
    python = next((python for python in facts.pythons if python.path == pick.python_path), None)
    assert python or not facts.pythons
    for wheel in pick.wheels:
        assert wheel.variant == pick.variant
        if python:
            assert python.bits == 64
            assert SpecifierSet(wheel.requires_python or "").contains(python.version)
        if facts.os.libc_version and "manylinux_2_28" in wheel.tags[2]:
            assert Version(facts.os.libc_version) >= Version("2.28")


def _served_by_chip_table(facts: MachineFacts, driver: str) -> bool:
    """Tell whether a driver serves every GPU, from the chips' own rows."""
    branch = DriverVersion.parse(driver).branch
    return all(
        branch <= (_chips()[gpu.chip or ""].last_driver_branch or branch)
        and branch >= (first.branch if (first := _chips()[gpu.chip or ""].first_driver) else 0)
        for gpu in facts.gpus
    )


@settings(max_examples=150, deadline=None)
@given(_nvidia_gpus(), _systems(), st.tuples(*[st.sampled_from(_DRIVERS)] * 2))
def test_a_newer_driver_that_serves_every_gpu_never_gives_an_older_torch(
    gpus: tuple[Gpu, ...], system: OperatingSystem, drivers: tuple[str, str]
) -> None:
    older, newer = sorted(drivers, key=DriverVersion.parse)
    python = (Python(path="/usr/bin/python3", version="3.12.3"),)
    machine = MachineFacts(os=system, gpus=gpus, nvidia=NvidiaDriver(state="ok", driver_version=older), pythons=python)
    then = replace(machine, nvidia=NvidiaDriver(state="ok", driver_version=newer))
    before, after = resolved(machine), resolved(then)
    if before.status == "ok" and _served_by_chip_table(machine, newer):
        assert before.torch
        assert after.status == "ok", (before, after)
        assert after.torch
        assert Version(after.torch.version) >= Version(before.torch.version)


def _allowed(resolution: Resolution) -> set[tuple[str, str]]:
    passed = {(item.version, item.variant) for item in resolution.rejected if item.code == "outranked"}
    pick = resolution.torch
    return passed | ({(pick.version, pick.variant)} if pick and resolution.status == "ok" else set())


@settings(max_examples=100, deadline=None)
@given(_nvidia_gpus(least=2, most=2), _systems(), st.sampled_from(_DRIVERS), _pythons())
def test_a_second_nvidia_gpu_never_allows_more(
    gpus: tuple[Gpu, ...], system: OperatingSystem, driver: str, pythons: tuple[Python, ...]
) -> None:
    both = MachineFacts(os=system, gpus=gpus, nvidia=NvidiaDriver(state="ok", driver_version=driver), pythons=pythons)
    one = replace(both, gpus=gpus[:1])
    with_both = resolved(both, every_rejection=True)
    if with_both.status == "ok":
        alone = resolved(one, every_rejection=True)
        assert alone.status == "ok"
        assert _allowed(with_both) <= _allowed(alone)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["gfx906", "gfx90a", "gfx1030", "gfx1100", "gfx1201"]), min_size=2, max_size=2))
def test_a_second_amd_gpu_never_allows_more(targets: list[str]) -> None:
    system = OperatingSystem(system="linux", arch="x86_64", libc="glibc", libc_version="2.39")
    gpus = tuple(Gpu(index=place, vendor="amd", name=gfx, gfx=gfx) for place, gfx in enumerate(targets))
    python = (Python(path="/usr/bin/python3", version="3.12.3"),)
    both = MachineFacts(os=system, gpus=gpus, pythons=python)
    with_both, alone = (
        resolved(both, every_rejection=True),
        resolved(replace(both, gpus=gpus[:1]), every_rejection=True),
    )
    assert _allowed(with_both) <= _allowed(alone)
    for version, variant in _allowed(with_both):
        assert set(targets) <= set(gfx_targets(variant) or ()), version
    assert any(set(targets) <= set(row.gfx) for row in gfx_lists()) == (with_both.status == "ok")


@settings(max_examples=80, deadline=None)
@given(_machines(), st.randoms(use_true_random=False))
def test_the_order_of_gpus_and_pythons_does_not_matter(facts: MachineFacts, chance: random.Random) -> None:
    gpus, pythons = list(facts.gpus), list(facts.pythons)
    chance.shuffle(gpus)
    chance.shuffle(pythons)
    shuffled = replace(facts, gpus=tuple(gpus), pythons=tuple(pythons))
    assert dump(resolved(facts)) == dump(resolved(shuffled))


@settings(max_examples=15, deadline=None)
@given(_machines(), st.integers())
def test_the_order_of_offers_does_not_matter(facts: MachineFacts, seed: int) -> None:
    platform = platform_of(facts.os)
    assert platform
    offers = list(snapshot_offers(platform, PACKAGES))
    random.Random(seed).shuffle(offers)  # noqa: S311  no secret is made here
    book = replace(book_for(facts), stand_ins=tuple(offers))
    assert dump(resolve(facts, Request(), book, every_rejection=True)) == dump(resolved(facts, every_rejection=True))


@settings(max_examples=60, deadline=None)
@given(_machines(), st.sets(st.integers(min_value=0, max_value=2_000), min_size=1))
def test_fewer_offers_never_give_a_newer_torch(facts: MachineFacts, kept: set[int]) -> None:
    everything = resolved(facts)
    offers = book_for(facts).stand_ins
    some = tuple(offers[place % len(offers)] for place in sorted(kept))
    book = OfferBook(offers=some, as_of="2026-11-21")
    fewer = resolve(facts, Request(), book)
    if fewer.torch and fewer.status == "ok":
        assert everything.torch, title(fewer)
        assert Version(fewer.torch.version) <= Version(everything.torch.version)


@settings(max_examples=100, deadline=None)
@given(_nvidia_gpus())
def test_an_installed_driver_serves_every_gpu(gpus: tuple[Gpu, ...]) -> None:
    system = OperatingSystem(system="linux", arch="x86_64", libc="glibc", libc_version="2.39")
    facts = MachineFacts(os=system, gpus=gpus, nvidia=NvidiaDriver(state="missing"))
    decision = resolved(facts).driver
    if decision.branch is None:
        return
    row = next(row for row in branches() if str(row.branch) == decision.branch)
    assert decision.module in row.kernel_modules
    for gpu in gpus:
        chip = _chips()[gpu.chip or ""]
        modules = "open_only" if open_module_required(gpu.pci_id or "") else chip.modules
        assert chip.architecture in row.architectures
        assert modules != ("open_only" if decision.module == "proprietary" else "proprietary_only")
