"""The estimate of what a set-up takes, against what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.sandbox import Sandbox
from torchup.plan.space import needed_mib

WHEEL_BYTES = 191_794_682
MEASURED_MIB = (752, 764)
"""torch 2.13.0+cpu with its dependencies, cache and environment together: by uv 0.13, on ext4, on two machines."""


def test_the_build_for_the_cpu_takes_what_was_measured(tmp_path: Path) -> None:
    box = Sandbox.create(tmp_path)
    box.offers = (replace(box.offers[0], size=WHEEL_BYTES),)
    pick = box.resolution.torch
    assert pick is not None
    needed = needed_mib(pick, box.facts)
    assert needed is not None
    assert MEASURED_MIB[0] <= needed <= MEASURED_MIB[1] * 1.1
