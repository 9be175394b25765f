"""The machines under tests/machines, and how a machine is resolved over the bundled snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from torchup.knowledge.platforms import Platform, platform_of
from torchup.knowledge.snapshot import snapshot_date, snapshot_offers
from torchup.model.facts import Gpu, MachineFacts, NvidiaDriver, OperatingSystem, Python
from torchup.model.offer import OfferBook
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.model.serial import load
from torchup.resolve.decide import resolve

MACHINES = Path(__file__).parents[1] / "machines"
PACKAGES = ("torch", "torchvision", "torchaudio")
LINUX = OperatingSystem(system="linux", id="ubuntu", version="24.04", arch="x86_64", libc="glibc", libc_version="2.39")
PYTHON = Python(path="/usr/bin/python3", version="3.12.3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a machine file expects of the resolution."""

    status: str
    torch: str | None
    python: str | None = None
    packages: dict[str, str] | None = None
    driver: dict[str, Any] = field(default_factory=dict)
    mention: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One file: facts, request and the decision that is right."""

    name: str
    facts: MachineFacts
    request: Request
    expect: Expectation


def machine_files() -> list[Path]:
    return sorted(MACHINES.glob("*.yaml"))


def read_machine(path: Path) -> Machine:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(document) == {"why", "facts", "answers", "expect"}, path
    expect = dict(document["expect"])
    for key in ("mention", "never"):
        expect[key] = tuple(expect.get(key, ()))
    return Machine(
        name=path.stem,
        facts=load(MachineFacts, document["facts"]),
        request=request_of(document["answers"] or {}),
        expect=Expectation(**expect),
    )


def request_of(answers: dict[str, Any]) -> Request:
    """Read answers as the program does, every key that is there counting as asked for."""
    keys = [f"{section}.{key}" for section, values in answers.items() for key in values]
    return replace(load(Request, answers), origins=dict.fromkeys(keys, "test"))


@cache
def snapshot(platform: Platform) -> OfferBook:
    return OfferBook(offers=(), stand_ins=snapshot_offers(platform, PACKAGES), as_of=snapshot_date())


def book_for(facts: MachineFacts) -> OfferBook:
    platform = platform_of(facts.os)
    return snapshot(platform) if platform else OfferBook(offers=(), as_of=snapshot_date())


def resolved(facts: MachineFacts, request: Request | None = None, *, every_rejection: bool = False) -> Resolution:
    return resolve(facts, request or Request(), book_for(facts), every_rejection=every_rejection)


def nvidia(*capabilities: str, start: int = 0, **more: Any) -> tuple[Gpu, ...]:
    """Make NVIDIA GPUs that are known by their compute capability alone."""
    return tuple(
        Gpu(index=start + place, vendor="nvidia", name=f"card {capability}", compute_capability=capability, **more)
        for place, capability in enumerate(capabilities)
    )


def machine(
    *gpus: Gpu, driver: str | None = None, pythons: tuple[Python, ...] = (PYTHON,), **more: Any
) -> MachineFacts:
    """Make an Ubuntu machine with these GPUs and a working driver."""
    state = NvidiaDriver(state="ok", driver_version=driver) if driver else None
    facts = MachineFacts(os=LINUX, gpus=gpus, nvidia=state, pythons=pythons)
    return replace(facts, **more)


def title(resolution: Resolution) -> str | None:
    """Write the pick as `version+variant`."""
    pick = resolution.torch
    return f"{pick.version}+{pick.variant}" if pick else None


def codes(resolution: Resolution) -> set[str]:
    """Collect the codes of reasons and warnings."""
    return {reason.code for reason in (*resolution.reasons, *resolution.warnings)}
