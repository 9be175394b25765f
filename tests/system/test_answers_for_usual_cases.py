"""Each answers file of the docs, carried out as a dry run on a recorded machine, and air-gapped for real."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from support.command import Person
from support.machines import MACHINES
from support.stub_wheels import stub_wheel
from support.tools import require

DOCS = Path(__file__).parents[2] / "docs" / "answers"
# answers file: recorded machine, what the script installs, what it never does
CASES = {
    "cpu": ("peer-06-no-gpu", "torch==2.15.0+cpu"),
    "workstation": ("ada-l4-595", "torch==2.15.0+cu132"),
    "server-without-root": ("turing-t4-580", "torch==2.15.0+cu130"),
    "container-image": ("container-docker-no-gpu-seen", "torch==2.13.0+cu126"),
    "wsl": ("wsl2-4090-581", "torch==2.15.0+cu130"),
    "laptop-two-gpus": ("laptop-4060", "torch==2.15.0+cu130"),
}
NEVER = ("sudo", "nvidia-driver", "nvidia-open", "cuda-drivers", "apt-get", "dnf ")


def facts_file(person: Person, machine: str) -> str:
    facts = yaml.safe_load((MACHINES / f"{machine}.yaml").read_text(encoding="utf-8"))["facts"]
    path = person.home.parent / "facts.yaml"
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")
    return str(path)


def test_every_file_is_tried() -> None:
    assert {path.stem for path in DOCS.glob("*.yaml")} == {*CASES, "air-gapped"}


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_plan_that_it_promises(person: Person, name: str) -> None:
    machine, build = CASES[name]
    before = person.tree()
    done = person.torchup(
        *("setup", "--answers", str(DOCS / f"{name}.yaml"), "--machine", facts_file(person, machine)),
        *("--dry-run", "--offline"),
    )
    assert done.returncode == 0, done.stderr
    assert build in done.stdout
    for word in NEVER:
        assert word not in done.stdout
    assert person.tree() == before
    checked = subprocess.run([require("dash"), "-n"], input=done.stdout, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_machine_without_a_network_is_set_up_from_a_folder(person: Person, tmp_path: Path) -> None:
    shelf = tmp_path / "wheels"
    stub_wheel("torch", "2.15.0+cpu").write(shelf)
    done = person.torchup(
        *("setup", "--answers", str(DOCS / "air-gapped.yaml"), "--set", f"source.find_links=[{shelf}]"),
        # A stub wheel cannot pass the tensor test.
        *("--set", "verify.level=none"),
        HTTPS_PROXY="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
    )
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0+cpu"
    assert person.index is not None
    assert person.index.seen("/") == [], "nobody may be asked"
