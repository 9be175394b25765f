"""A loopback index, machines to ask for, and `ask`: collect with short limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.wheel_index import WheelIndex
from torchup.model.facts import Gpu, MachineFacts, OperatingSystem
from torchup.model.offer import IndexSettings, OfferBook
from torchup.model.request import SourceWish
from torchup.resolve.offers.collect import collect
from torchup.resolve.offers.transport import Limits

LINUX = OperatingSystem(system="linux", arch="x86_64", libc="glibc", libc_version="2.39")


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    with WheelIndex() as server:
        yield server


@pytest.fixture
def cpu_machine() -> MachineFacts:
    return MachineFacts(os=LINUX, gpus=())


@pytest.fixture
def nvidia_machine() -> MachineFacts:
    return MachineFacts(os=LINUX, gpus=(Gpu(index=0, vendor="nvidia", compute_capability="8.9"),))


Ask = Callable[..., OfferBook]


@pytest.fixture
def ask(tmp_path: Path, cpu_machine: MachineFacts) -> Ask:
    """Collect from a wish given as keywords; settings, machine, cache and limits can be replaced."""

    def collected(
        *,
        machine: MachineFacts = cpu_machine,
        packages: tuple[str, ...] = ("torch",),
        settings: IndexSettings | None = None,
        cache: Path | None = tmp_path / "cache",
        today: str = "2026-11-22",
        limits: Limits | None = None,
        variants: tuple[str, ...] | None = None,
        snapshot: bool = False,
        **wish: Any,
    ) -> OfferBook:
        return collect(
            SourceWish(**wish),
            machine,
            packages,
            settings=settings or IndexSettings(),
            cache=cache,
            today=today,
            variants=variants,
            snapshot=snapshot,
            limits=limits or Limits(connect_s=2, read_s=2, total_s=10),
        )

    return collected
