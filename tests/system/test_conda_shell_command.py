"""`torchup shell ... --shell conda`: the scripts of one conda environment, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Person
from support.sandbox import tree


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment as conda leaves one, with a script of another package."""
    place = tmp_path / "envs" / "my env"
    (place / "conda-meta").mkdir(parents=True)
    (place / "conda-meta/history").write_text("")
    (place / "etc/conda/activate.d").mkdir(parents=True)
    (place / "etc/conda/activate.d/other.sh").write_text("OTHER=1\n")
    return place


@pytest.fixture
def cuda(tmp_path: Path) -> Path:
    (tmp_path / "cuda-13.0/bin").mkdir(parents=True)
    return tmp_path / "cuda-13.0"


def arguments(action: str, prefix: Path, cuda: Path | None = None) -> list[str]:
    named = ["--cuda-home", str(cuda)] if cuda else []
    return ["shell", action, "--shell", "conda", "--environment", str(prefix), *named]


def scripts(prefix: Path) -> list[str]:
    return sorted(str(path.relative_to(prefix / "etc/conda")) for path in prefix.glob("etc/conda/*/torchup.*"))


def test_apply_check_remove_and_undo_are_about_this_environment_only(person: Person, prefix: Path, cuda: Path) -> None:
    before, home = tree(prefix, leave_out=()), person.tree()
    shown = person.torchup("--json", *arguments("show", prefix, cuda))
    assert len(json.loads(shown.stdout)["changes"]) == 8
    assert tree(prefix, leave_out=()) == before
    done = person.torchup(*arguments("apply", prefix, cuda), "--yes")
    assert done.returncode == 0, done.stderr
    assert scripts(prefix) == sorted(
        f"{folder}.d/torchup.{ending}"
        for folder in ("activate", "deactivate")
        for ending in ("sh", "fish", "csh", "ps1")
    )
    assert person.tree() == home
    checked = json.loads(person.torchup("--json", *arguments("check", prefix, cuda)).stdout)["checks"]
    assert {check["id"]: check["status"] for check in checked}["shell.conda.bash"] == "pass"
    assert person.torchup(*arguments("apply", prefix, cuda), "--yes").stdout.startswith("Nothing to do")
    removed = person.torchup(*arguments("remove", prefix), "--yes")
    assert removed.returncode == 0, removed.stderr
    assert scripts(prefix) == []
    assert (prefix / "etc/conda/activate.d/other.sh").exists()
    # A removal closes the books: the folders that torchup made are gone too, and nothing is left to undo.
    assert tree(prefix, leave_out=()) == before
    assert person.torchup("undo", "--yes").returncode == 6
    assert person.torchup(*arguments("apply", prefix, cuda), "--yes").returncode == 0
    assert person.torchup("undo", "--yes").returncode == 0
    assert tree(prefix, leave_out=()) == before


def test_a_script_that_somebody_changed_stays_and_is_named(person: Person, prefix: Path, cuda: Path) -> None:
    person.torchup(*arguments("apply", prefix, cuda), "--yes")
    changed = prefix / "etc/conda/activate.d/torchup.sh"
    changed.write_text(changed.read_text() + "export MINE=1\n")
    undone = person.torchup("undo", "--yes")
    assert undone.returncode != 0
    assert "+export MINE=1" in undone.stdout + undone.stderr
    assert scripts(prefix) == ["activate.d/torchup.sh"]


def test_a_check_fails_when_a_script_does_not_do_what_it_should(person: Person, prefix: Path, cuda: Path) -> None:
    person.torchup(*arguments("apply", prefix, cuda), "--yes")
    (prefix / "etc/conda/deactivate.d/torchup.sh").write_text("")
    done = person.torchup("--json", *arguments("check", prefix, cuda))
    assert done.returncode == 4
    failed = {check["id"]: check["detail"] for check in json.loads(done.stdout)["checks"] if check["status"] == "fail"}
    assert f"after deactivation CUDA_HOME is {cuda} and not not set" in failed["shell.conda.bash"]


@pytest.mark.parametrize(
    ("name", "with_cuda", "reason"),
    [
        ("envs/my env", False, "no CUDA toolkit is chosen"),
        ("cuda-13.0", True, "is no conda environment"),
    ],
)
def test_what_cannot_be_done_is_said(
    person: Person, prefix: Path, cuda: Path, name: str, with_cuda: bool, reason: str
) -> None:
    before = tree(prefix, leave_out=())
    done = person.torchup(*arguments("apply", prefix.parents[1] / name, cuda if with_cuda else None), "--yes")
    assert reason in " ".join((done.stdout + done.stderr).split())
    assert tree(prefix, leave_out=()) == before


def test_an_environment_that_has_the_toolkit_inside_tells_it_to_conda_alone(person: Person, prefix: Path) -> None:
    """Its `bin` holds a python too, which must not come first in every shell."""
    done = person.torchup("shell", "apply", "--yes", "--environment", str(prefix), "--cuda-home", str(prefix))
    assert done.returncode == 0, done.stderr
    assert person.shell_value("bash", "CUDA_HOME") == ""
    assert person.shell_value("bash", "TORCHUP_ENVIRONMENT") == str(prefix)
    assert f"{prefix}/bin" not in person.shell_value("bash", "PATH")
    text = (prefix / "etc/conda/activate.d/torchup.sh").read_text()
    assert f"CUDA_HOME='{prefix}'" in text
    assert f"CUDA_INC_PATH='{prefix}/targets/x86_64-linux/include'" in text
