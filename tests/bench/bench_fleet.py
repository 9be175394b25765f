"""`torchup` as a fleet owner uses it: 1,000 different machines resolved offline, in one process."""

from __future__ import annotations

import random
import time
from statistics import median

from support.machines import book_for
from torchup.model.facts import Gpu, MachineFacts, NvidiaDriver, OperatingSystem, Python, Surroundings
from torchup.model.request import Request
from torchup.resolve.decide import resolve

MACHINES = 1000
AIM_S = 2.0

_CAPABILITIES = ("3.7", "5.2", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1")
_GFX = ("gfx803", "gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201")
_BRANCHES = (450, 470, 520, 525, 535, 550, 570, 575, 580, 590, 595, 610, 615, 620)
_LIBC = ("2.17", "2.27", "2.28", "2.31", "2.35", "2.39", "2.41")


def fleet(count: int = MACHINES) -> tuple[MachineFacts, ...]:
    """Make machines of which no two are alike: GPUs, drivers, Pythons, C libraries and systems in many mixes."""
    chance = random.Random(20261121)  # noqa: S311  a fixed fleet, no secret
    machines: dict[str, MachineFacts] = {}
    while len(machines) < count:
        facts = _machine(chance)
        machines[repr(facts)] = facts
    return tuple(machines.values())


def fleet_seconds(machines: tuple[MachineFacts, ...]) -> float:
    """Resolve every machine once and give the CPU seconds that took, the building of the offers included."""
    started = time.process_time()
    for facts in machines:
        resolve(facts, Request(), book_for(facts))
    return time.process_time() - started


def bench_fleet(rounds: int) -> tuple[str, str, str, str]:
    """Give name, figure, aim and detail: CPU seconds for the whole fleet, the first time and when repeated."""
    machines = fleet()
    first = fleet_seconds(machines)
    again = [fleet_seconds(machines) for _ in range(max(1, rounds // 3))]
    detail = f"first time; {median(again):.2f} s again, {first / len(machines) * 1000:.2f} ms a machine"
    return f"{len(machines)} machines resolved offline", f"{first:.2f} s", f"<= {AIM_S:.0f} s", detail


def _machine(chance: random.Random) -> MachineFacts:
    vendor = chance.choices(("nvidia", "amd", "none", "mac"), (80, 10, 5, 5))[0]
    pythons = tuple(
        Python(path=f"/opt/{place}/bin/python3", version=f"3.{chance.randint(8, 15)}.{chance.randint(0, 9)}")
        for place in range(chance.randint(1, 3))
    )
    if vendor == "mac":
        system = OperatingSystem(system="darwin", id="macos", version=f"{chance.randint(12, 26)}.1", arch="arm64")
        return MachineFacts(os=system, gpus=(Gpu(index=0, vendor="apple", name="Apple GPU"),), pythons=pythons)
    arch = chance.choices(("x86_64", "aarch64"), (85, 15))[0]
    windows = vendor == "nvidia" and arch == "x86_64" and chance.random() < 0.15
    libc = None if windows else chance.choice(_LIBC)
    system = OperatingSystem(
        system="windows" if windows else "linux", arch=arch, libc=None if windows else "glibc", libc_version=libc
    )
    if vendor == "none":
        return MachineFacts(os=system, gpus=(), pythons=pythons)
    if vendor == "amd":
        amd = tuple(Gpu(index=place, vendor="amd", gfx=chance.choice(_GFX)) for place in range(chance.randint(1, 2)))
        return MachineFacts(os=system, gpus=amd, pythons=pythons)
    gpus = tuple(
        Gpu(index=place, vendor="nvidia", name=f"card {place}", compute_capability=chance.choice(_CAPABILITIES))
        for place in range(chance.choice((1, 1, 1, 2, 4)))
    )
    branch = chance.choice(_BRANCHES)
    state = chance.choices(("ok", "missing", "nouveau"), (85, 10, 5))[0]
    driver = (
        NvidiaDriver(state="ok", driver_version=f"{branch}.{chance.randint(10, 180)}.{chance.randint(1, 20):02}")
        if state == "ok"
        else NvidiaDriver(state="missing" if state == "missing" else "nouveau")
    )
    container = chance.choice((None, None, None, "docker")) if state == "ok" and not windows else None
    surroundings = Surroundings(container="docker") if container else Surroundings()
    return MachineFacts(os=system, context=surroundings, gpus=gpus, nvidia=driver, pythons=pythons)
