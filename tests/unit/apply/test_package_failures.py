"""What package managers print when they fail, and the cause that torchup reads from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from torchup.apply.package_commands import manager_of
from torchup.apply.package_failures import PACKAGE_CAUSES, package_cause, package_failure
from torchup.apply.system import Completed
from torchup.model.plan import Command, InstallSystemPackages

OUTPUTS = sorted((Path(__file__).parents[2] / "probes" / "package_failures").glob("*.txt"))
PROGRAMS = {"debian": "apt-get", "dnf": "dnf", "dnf5": "dnf", "yum": "yum", "zypper": "zypper", "pacman": "pacman"}


def failed(path: Path) -> tuple[Command, Completed]:
    program = PROGRAMS[path.name.partition("-")[0]]
    return Command(argv=(program, "install", "x")), Completed(returncode=100, tail=path.read_text())


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_each_output_has_its_cause_and_a_next_step(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())["code"]
    found = package_cause(path.read_text())
    assert found is not None
    assert found.code == expected
    command, done = failed(path)
    step = InstallSystemPackages(
        id="x", summary="Install x", why="w", manager="apt", packages=("x",), commands=(command,)
    )
    error = package_failure(step, command, done, manager_of(command.argv) or "")
    assert error.code == expected
    assert error.hint
    assert "{" not in error.hint
    assert any(found.pattern.search(line) for line in error.evidence)


def test_every_cause_that_torchup_names_has_been_seen() -> None:
    seen = {json.loads(path.with_suffix(".json").read_text())["code"] for path in OUTPUTS}
    assert {cause.code for cause in PACKAGE_CAUSES} - seen == {"certificate"}


def test_what_names_no_cause_is_told_as_it_is() -> None:
    command = Command(argv=("/usr/bin/apt-get", "install", "x"))
    step = InstallSystemPackages(
        id="x", summary="Install x", why="w", manager="apt", packages=("x",), commands=(command,)
    )
    error = package_failure(step, command, Completed(returncode=100, tail="something odd"), "apt")
    assert (error.code, error.message) == ("command-failed", "Install x: apt-get ended with 100.")
    assert error.evidence == ("something odd",)
