"""Every machine under tests/machines gets the decision that is right for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.machines import machine_files, read_machine, request_of, resolved, title
from torchup.model.resolution import Resolution
from torchup.model.serial import dump, load


@pytest.mark.parametrize("path", machine_files(), ids=lambda path: path.stem)
def test_machine(path: Path) -> None:
    machine = read_machine(path)
    resolution = resolved(machine.facts, machine.request)
    text = json.dumps(dump(resolution))
    expect = machine.expect

    assert (resolution.status, title(resolution)) == (expect.status, expect.torch), text
    driver = dump(resolution.driver)
    assert {key: driver[key] for key in expect.driver} == expect.driver
    if expect.python is not None:
        assert resolution.torch
        assert resolution.torch.python == expect.python
    if expect.packages is not None:
        assert resolution.torch
        assert resolution.torch.packages == expect.packages
    assert [pattern for pattern in expect.mention if not re.search(pattern, text)] == []
    assert [pattern for pattern in expect.never if re.search(pattern, text)] == []


@pytest.mark.live_tables
@pytest.mark.parametrize("path", machine_files(), ids=lambda path: path.stem)
def test_what_every_resolution_keeps_to(path: Path) -> None:
    machine = read_machine(path)
    resolution = resolved(machine.facts, machine.request)
    if resolution.status == "ok":
        assert resolution.torch
        assert resolution.driver.action in ("none", "keep")
    else:
        assert resolution.next_steps, "whoever cannot go on is told what to do"
        assert resolution.reasons
    if resolution.status == "no_solution":
        assert resolution.torch is None
    sentences = [item.text for item in (*resolution.reasons, *resolution.warnings)]
    for text in [*sentences, *(step.text for step in resolution.next_steps)]:
        assert text[0] != " "
        assert text.rstrip().endswith((".", ":")), text
        assert "{" not in re.sub(r"\{action: install\}", "", text), text
        assert "None" not in text, text


@pytest.mark.parametrize("path", machine_files()[::9], ids=lambda path: path.stem)
def test_a_resolution_survives_json(path: Path) -> None:
    machine = read_machine(path)
    resolution = resolved(machine.facts, machine.request)
    assert load(Resolution, json.loads(json.dumps(dump(resolution)))) == resolution


def test_spelling_out_the_defaults_changes_nothing() -> None:
    machine = read_machine(next(path for path in machine_files() if path.stem == "python-3.14.1"))
    spelled_out = request_of({"torch": dump(machine.request.torch)})
    assert dump(resolved(machine.facts, spelled_out)) == dump(resolved(machine.facts, machine.request))


def test_there_are_enough_machines() -> None:
    names = [path.stem for path in machine_files()]
    assert len(names) >= 100
    assert len([name for name in names if name.startswith("peer-")]) >= 15
