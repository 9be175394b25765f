"""The morning after an upgrade of the system, or a tidying up: an environment has lost its Python, or is gone itself."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from support.command import Person
from support.stub_torch import CPU_BUILD, python_with
from support.wheel_index import WheelIndex


@pytest.fixture
def python(person: Person) -> Path:
    """Give the interpreter of an environment at the usual place, with a torch."""
    return python_with(person.home / ".venvs/torch", CPU_BUILD)


def lose(python: Path) -> Path:
    """Have it lead to where an interpreter was."""
    gone = python.parents[3] / "usr/bin/python3.10"
    python.unlink()
    python.symlink_to(gone)
    return gone


def test_verify_says_that_the_environment_lost_its_python(person: Person, python: Path) -> None:
    gone = lose(python)
    for arguments in ((), ("--python", str(python.parents[1]))):
        done = person.torchup("verify", *arguments)
        assert done.returncode == 2
        assert f"{python} leads to {gone}, which is not there" in done.stderr
        assert "torchup doctor" in done.stderr


def test_doctor_says_it_with_the_way_out(person: Person, python: Path) -> None:
    gone = lose(python)
    done = person.torchup("doctor", "--json", "--no-scrub")
    assert done.returncode == 4, done.stderr
    said = json.loads(done.stdout)
    (layer,) = [found for found in said["layers"] if found["name"] == "interpreter"]
    assert layer["status"] == "blocker"
    assert layer["found"][0]["evidence"] == [f"{python} leads to {gone}, which is not there"]
    folder = python.parents[1]
    (fix,) = said["causes"]["interpreter-broken"]["fix"]
    assert fix["run"] == [f"mv {folder} {folder}.old", "torchup setup"]


def test_setup_refuses_and_what_it_says_works(person: Person, index: WheelIndex, python: Path) -> None:
    lose(python)
    wish = (
        f"schema: 1\ntorch: {{packages: [torch]}}\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
    )
    answers = person.answers(wish)
    before = person.tree()
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 6
    assert "error[environment-lost]" in done.stderr
    assert person.tree() == before
    (command,) = re.findall(r"^ +(mv .+)$", done.stderr, re.MULTILINE)
    _, old, new = shlex.split(command)
    Path(old).rename(new)
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 0, done.stderr
    assert (python.parents[1].with_name("torch.old") / "pyvenv.cfg").is_file()


def test_an_environment_that_is_named_in_the_answers_is_refused_alike(
    person: Person, index: WheelIndex, python: Path
) -> None:
    lose(python)
    named = f"environment: {{kind: existing, path: '{python.parents[1]}'}}"
    answers = person.answers(f"schema: 1\n{named}\nsource: {{mirror: '{index.url('whl')}'}}\n")
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 6, done.stderr
    assert "error[environment-lost]" in done.stderr


@pytest.mark.parametrize("command", ["doctor", "verify"])
def test_a_python_of_another_minor_version_is_named(person: Person, python: Path, command: str) -> None:
    """What `python -m venv` made of /usr/bin/python3 follows it to the next version, and its packages stay behind."""
    config = python.parents[1] / "pyvenv.cfg"
    config.write_text(re.sub(r"(?m)^version(_info)? = .*$", "version = 3.9.2", config.read_text()))
    (packages,) = python.parents[1].glob("lib/python3*/site-packages")
    packages.parent.rename(packages.parent.with_name("python3.9"))
    done = person.torchup(command, "--json", "--no-scrub", "--python", str(python))
    assert done.returncode == 4, done.stderr
    assert f"was made for Python 3.9.2, and its interpreter is {sys.version.split()[0]} now" in done.stdout
    assert "environment-of-another-python" in done.stdout


def set_up(person: Person, index: WheelIndex) -> Path:
    """Set PyTorch up without a test, and give the environment."""
    wish = (
        f"schema: 1\ntorch: {{packages: [torch]}}\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n"
    )
    done = person.torchup("setup", "--answers", person.answers(wish))
    assert done.returncode == 0, done.stderr
    return person.home / ".venvs/torch"


def test_doctor_knows_that_the_environment_is_gone(person: Person, index: WheelIndex) -> None:
    folder = set_up(person, index)
    shutil.rmtree(folder)
    done = person.torchup("doctor", "--json", "--no-scrub")
    assert done.returncode == 4, done.stderr
    said = json.loads(done.stdout)
    (layer,) = [found for found in said["layers"] if found["name"] == "interpreter"]
    assert layer["found"] == [{"cause": "environment-gone", "evidence": [f"{folder} is not there"], "severity": None}]
    again = person.torchup("setup", "--answers", str(person.home.parent / "wanted.yaml"))
    assert again.returncode == 0, again.stderr
    assert (folder / "bin/python").exists()


def test_another_build_is_noticed_where_the_test_was_left_out(person: Person, index: WheelIndex) -> None:
    folder = set_up(person, index)
    (version,) = folder.glob("lib/python3*/site-packages/torch/version.py")
    text = re.sub(r"'2\.\d+\.\d+\+cpu'", "'2.12.0+cpu'", version.read_text())
    version.unlink()  # it may be one file with the installer's cache
    version.write_text(text)
    done = person.torchup("verify", "--json", "--no-scrub")
    (build,) = [check for check in json.loads(done.stdout)["checks"] if check["id"] == "build"]
    assert (build["status"], build["hint"]) == ("fail", "build-differs-from-plan")


def test_undo_of_a_repair_has_nothing_to_do_where_the_environment_is_gone(person: Person, index: WheelIndex) -> None:
    before = person.tree()
    folder = set_up(person, index)
    (module,) = folder.glob("lib/python3*/site-packages/torch/__init__.py")
    module.unlink()
    again = person.torchup("setup", "--answers", str(person.home.parent / "wanted.yaml"))
    assert again.returncode == 0, again.stderr
    shutil.rmtree(folder)
    for _ in range(2):
        done = person.torchup("undo", "--yes")
        assert done.returncode == 0, done.stderr
    assert person.tree() == before
