"""Extras in every form of PEP 508 through the command line, with real uv and real pip, a second run, and undo."""

from __future__ import annotations

import ensurepip
import json
from pathlib import Path

import pytest

from support.command import Person
from support.stub_wheels import stub_wheel
from support.wheel_index import WheelIndex

ANY = ("py3", "none", "any")
FACTS = (
    '{"schema": 1, "os": {"system": "linux", "id": "debian", "version": "12", "arch": "x86_64", "libc": "glibc", "libc_version": "2.36"}, '
    '"gpus": [], "pythons": [{"path": "/usr/bin/python3", "version": "3.11.2"}]}'
)


@pytest.fixture
def wanted(person: Person, index: WheelIndex, tmp_path: Path) -> list[str]:
    """Put packages on the index and into a folder, and name them in every way."""
    shelf = index.simple()
    for name, version in (
        ("Star", "1.9"), ("star", "2.0"), ("comp", "1.4.2"), ("comp", "2.0"), ("not-that", "1.0"), ("epoch", "1!2.0"),
        ("early", "3.0rc1"), ("exact", "1.0"), ("loud", "1.5"), ("brought", "1.0"), ("marked", "1.0"),
    ):  # fmt: skip
        shelf.add(name, version, tags=ANY)
    shelf.add("pack", "1.0", tags=ANY, requires=['brought>=1; extra == "more"', 'never; extra == "other"'])
    shelf.add("local", "1.0+mine", tags=ANY)
    if seeded := getattr(ensurepip, "_SETUPTOOLS_VERSION", None):  # Python before 3.12 brings it, and the lock names it
        shelf.add("setuptools", seeded, tags=ANY)
    file = stub_wheel("filed", "1.0", tags=ANY).write(tmp_path / "wheels")
    served = stub_wheel("served", "1.0", tags=ANY)
    index.links().add("served", "1.0", tags=ANY)
    return [
        "star==1.*", "pack[more]", "comp~=1.4", "not_that!=2.*", "epoch>=1!1", "early>=3.0rc1", "exact===1.0",
        "LOUD >= 1 , < 2", 'marked; python_version >= "3.8"', 'absent; python_version < "3"', "local==1.0",
        f"filed @ {file.as_uri()}", f"served @ {index.url(f'files/links.html/{served.filename}')}",
    ]  # fmt: skip


def answers(person: Person, index: WheelIndex, extras: list[str], installer: str, name: str = "extras.yaml") -> str:
    return person.answers(
        f"schema: 1\ntorch: {{packages: [torch]}}\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
        f"shell: {{shells: none}}\nenvironment:\n  installer: {installer}\n  extras: {json.dumps(extras)}\n",
        name,
    )


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_every_form_is_installed_once_and_taken_back(
    installer: str, person: Person, index: WheelIndex, wanted: list[str], tmp_path: Path
) -> None:
    before = person.tree()
    file = answers(person, index, wanted, installer)
    facts = tmp_path / "facts.json"
    facts.write_text(FACTS, encoding="utf-8")
    elsewhere = person.torchup("setup", "--answers", file, "--machine", str(facts), "--dry-run")
    assert elsewhere.returncode == 0, elsewhere.stderr
    dry = person.torchup("setup", "--answers", file, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "absent" in dry.stderr
    assert "its marker does not hold" in dry.stderr
    done = person.torchup("setup", "--answers", file)
    assert done.returncode == 0, done.stderr
    installed = person.installed()
    expected = {
        "star": "1.9", "pack": "1.0", "brought": "1.0", "comp": "1.4.2", "not-that": "1.0", "epoch": "1!2.0",
        "early": "3.0rc1", "exact": "1.0", "loud": "1.5", "marked": "1.0", "local": "1.0+mine", "filed": "1.0",
        "served": "1.0", "torch": "2.15.0+cpu",
    }  # fmt: skip
    assert {name: version for name, version in installed.items() if name not in ("pip", "setuptools")} == expected
    again = person.torchup("setup", "--answers", file, "--dry-run", "--exit-code")
    assert again.returncode == 0, again.stdout
    assert person.torchup("undo", "--yes").returncode == 0
    assert person.tree() == before


def test_more_in_the_brackets_is_more_to_install(person: Person, index: WheelIndex, wanted: list[str]) -> None:
    plain = answers(person, index, ["pack"], "uv")
    assert person.torchup("setup", "--answers", plain).returncode == 0
    assert "brought" not in person.installed()
    done = person.torchup("setup", "--answers", answers(person, index, ["pack[more]"], "uv", "more.yaml"))
    assert done.returncode == 0, done.stderr
    assert person.installed()["brought"] == "1.0"


@pytest.mark.parametrize("option", ["-r other.txt", "--index-url=https://h.example/simple", "-e ."])
def test_an_option_is_refused_with_a_sentence(option: str, person: Person) -> None:
    done = person.torchup("setup", "--yes", "--dry-run", "--set", f"environment.extras={option}")
    assert done.returncode == 2
    assert "is an option; extras are packages" in done.stderr
