"""Every file that a person names is read with a limit, and nothing but a file is read at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.command import Person

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such devices")

OPTIONS = {
    "plan": (["setup", "--plan"], "plan-invalid"),
    "plan, dry": (["setup", "--dry-run", "--plan"], "plan-invalid"),
    "answers": (["setup", "--answers"], "file-unreadable"),
    "answers of resolve": (["resolve", "--offline", "--answers"], "file-unreadable"),
    "check": (["answers", "check"], "file-unreadable"),
    "machine": (["resolve", "--offline", "--machine"], "file-unreadable"),
    "machine of doctor": (["doctor", "--machine"], "file-unreadable"),
    "lock": (["setup", "--from-lock"], "lock-unreadable"),
    "log": (["doctor", "--log"], "log-not-readable"),
}


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(home=tmp_path / "home")


@pytest.mark.parametrize("option", OPTIONS)
def test_only_files_of_a_sane_size_are_read(person: Person, option: str) -> None:
    command, code = OPTIONS[option]
    pipe, folder, large = (person.home / name for name in ("pipe", "folder", "large"))
    os.mkfifo(pipe)
    folder.mkdir()
    with large.open("wb") as file:
        file.truncate(4 * 1024**4)  # sparse: it takes no space
    for place in ("/dev/zero", str(pipe), str(folder), str(large), str(person.home / "missing")):
        done = person.torchup(*command, place, timeout=60)
        assert done.returncode == 2, (place, done.stdout)
        assert f"error[{code}]" in done.stderr, (place, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_plan_without_end_in_its_depth_is_no_plan(person: Person) -> None:
    plan = person.home / "plan.json"
    plan.write_text("[" * 200_000)
    done = person.torchup("setup", "--plan", str(plan))
    assert done.returncode == 2
    assert "error[plan-invalid]" in done.stderr


@pytest.mark.parametrize("odd", ["a\0b", "\ud800"])
def test_a_plan_with_text_that_nothing_can_hold_is_no_plan(person: Person, odd: str) -> None:
    plan = person.home / "plan.json"
    plan.write_text(json.dumps({"schema": 1, "steps": [{"kind": "MakeDirectory", "path": f"/{odd}"}]}))
    done = person.torchup("setup", "--plan", str(plan), "--dry-run")
    assert done.returncode == 2, done.stderr
    assert "could not be read as a plan" in done.stderr


@pytest.mark.parametrize("name", ["PIP_CONFIG_FILE", "UV_CONFIG_FILE"])
def test_a_configuration_that_is_a_device_is_not_read(person: Person, name: str) -> None:
    done = person.torchup("resolve", "--offline", timeout=60, **{name: "/dev/zero"})
    assert "/dev/zero" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
