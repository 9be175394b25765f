"""What the end-to-end tests share: an index on loopback, and a person with a home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Person
from support.wheel_index import WheelIndex


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    """PyTorch's layout with CPU builds, and a simple index with the GPU build that has no label."""
    with WheelIndex() as server:
        server.pytorch("cpu").add("torch", "2.14.1+cpu").add("torch", "2.15.0+cpu").add("torchvision", "0.29.2+cpu")
        server.simple().add("torch", "2.15.0")
        yield server


@pytest.fixture
def person(tmp_path: Path, index: WheelIndex) -> Person:
    return Person(home=tmp_path / "home", index=index)


@pytest.fixture
def wanted(person: Person, index: WheelIndex) -> str:
    """An answers file for the loopback index; stub wheels cannot pass a tensor test."""
    return person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
        "shell: {shells: [bash, zsh]}\n"
    )
