from __future__ import annotations

from dataclasses import replace

import pytest

from support.machines import LINUX, machine, request_of, resolved
from torchup.model.facts import OperatingSystem
from torchup.resolve.python_sources import ways_to_bring

ARCH = OperatingSystem(system="linux", id="arch", arch="x86_64")


def commands(python: str, os: OperatingSystem, *, offline: bool = False) -> list[str]:
    return [command for step in ways_to_bring(python, os, offline=offline) for command in step.commands]


def test_uv_first_and_then_the_distribution() -> None:
    assert commands("3.13", LINUX) == ["uv python install 3.13", "sudo apt-get install python3.13-venv"]
    assert commands("3.13t", LINUX) == ["uv python install 3.13t"]
    assert commands("3.13t", replace(LINUX, id="fedora", like=())) == [
        "uv python install 3.13t",
        "sudo dnf install python3.13-freethreading",
    ]
    suse = replace(LINUX, id="opensuse-tumbleweed", like=("suse",))
    assert commands("3.12", suse, offline=True) == ["sudo zypper install python312"]


@pytest.mark.parametrize(("python", "offline", "why"), [("3.13", True, "source.offline"), ("3.7", False, "uv has no")])
def test_where_neither_can_it_is_said(python: str, offline: bool, why: str) -> None:
    (step,) = ways_to_bring(python, ARCH, offline=offline)
    assert step.commands == ()
    assert "Neither uv nor" in step.text
    assert why in step.text


def test_a_free_threaded_python_that_is_not_there_is_offered() -> None:
    resolution = resolved(machine(), request_of({"python": {"version": "3.14t"}}))
    assert resolution.status == "no_solution"
    assert "uv python install 3.14t" in [command for step in resolution.next_steps for command in step.commands]
