"""The main job through the command line, with real uv, real shells and a loopback index."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import Person
from support.sandbox import tree
from support.tools import require
from support.wheel_index import Slow, Status, WheelIndex
from torchup.apply.folders import MARKER


def test_setup_installs_the_offered_build_and_tells_the_shells(person: Person, wanted: str) -> None:
    require("zsh")
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    assert person.installed() == {"torch": "2.15.0+cpu", "torchvision": "0.29.2+cpu"}
    environment = str(person.home / ".venvs/torch")
    for shell in ("bash", "zsh"):
        assert person.shell_value(shell, "TORCHUP_ENVIRONMENT") == environment
    assert person.shell_value("bash", "TORCHUP_ENVIRONMENT", option="-li") == environment
    assert f"{environment}/bin/activate" in done.stdout
    assert "undo" in done.stdout


def test_the_wheels_are_checked_against_the_hashes_of_the_index(person: Person, wanted: str, index: WheelIndex) -> None:
    index.pytorch("cpu").add("torch", "2.16.0+cpu", sha256="0" * 64)
    before = person.tree()
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 1
    assert "hash" in done.stderr.lower()
    assert person.tree() == before


def test_a_second_run_changes_nothing_and_says_so(person: Person, wanted: str) -> None:
    assert person.torchup("setup", "--answers", wanted).returncode == 0
    before = person.tree()
    stamps = {path: path.stat().st_mtime_ns for path in (person.home / ".bashrc", person.home / ".zshrc")}
    again = person.torchup("setup", "--answers", wanted)
    assert again.returncode == 0
    assert "nothing" in again.stdout
    assert person.tree() == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_the_saved_answers_replay_to_the_same_plan(person: Person, wanted: str) -> None:
    first = json.loads(person.torchup("setup", "--answers", wanted, "--dry-run", "--json").stdout)
    assert person.torchup("setup", "--answers", wanted).returncode == 0
    saved = person.home / ".config/torchup/answers.yaml"
    assert saved.stat().st_mode & 0o777 == 0o600
    copy = person.answers(saved.read_text(encoding="utf-8"), "saved.yaml")
    assert person.torchup("undo", "--yes").returncode == 0
    replayed = json.loads(person.torchup("setup", "--answers", copy, "--dry-run", "--json").stdout)
    assert replayed == first


def test_an_interpreter_may_be_named_wherever_it_lies(person: Person, wanted: str, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "my-python"
    link.parent.mkdir()
    link.symlink_to(Path(sys.executable).resolve())
    done = person.torchup("setup", "--answers", wanted, "--set", f"python.version={link}")
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0+cpu"
    missing = person.torchup("resolve", "--set", f"python.version={link}-not", "--answers", wanted)
    assert missing.returncode == 7
    assert "was not found on this machine" in " ".join(missing.stdout.split())


def test_undo_gives_back_the_bytes_that_were_there(person: Person, wanted: str) -> None:
    before = person.tree()
    assert person.torchup("setup", "--answers", wanted).returncode == 0
    assert person.tree() != before
    assert person.torchup("undo", "--dry-run").returncode == 0
    assert person.tree() != before
    done = person.torchup("undo", "--yes")
    assert done.returncode == 0, done.stderr
    assert person.tree() == before
    assert person.torchup("undo", "--yes").returncode == 6


def test_a_dry_run_changes_nothing_and_its_script_ends_where_apply_ends(person: Person, wanted: str) -> None:
    everything = tree(person.home, leave_out=())
    dry = person.torchup("setup", "--answers", wanted, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert tree(person.home, leave_out=()) == everything
    original = person.home.parent / "original"
    shutil.copytree(person.home, original, symlinks=True)
    ran = subprocess.run(
        ["dash", "-s"],
        input=dry.stdout,
        env=person.environ,
        cwd=person.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    by_script, versions = _comparable(person), person.installed()
    shutil.rmtree(person.home)
    shutil.copytree(original, person.home, symlinks=True)
    assert person.torchup("setup", "--answers", wanted).returncode == 0
    assert _comparable(person) == by_script
    assert person.installed() == versions


def _comparable(person: Person) -> dict[str, str]:
    # Two installations of the same wheels differ in what installers note about the moment: byte code, records. Only one
    # of them is a run of torchup's, whose number the marker names.
    return {
        path: text
        for path, text in person.tree().items()
        if "__pycache__" not in path
        and not path.endswith(("RECORD", "uv_cache.json", "INSTALLER", "direct_url.json", MARKER))
    }


def test_the_exit_code_of_a_dry_run_tells_whether_there_is_something_to_do(person: Person, wanted: str) -> None:
    assert person.torchup("setup", "--answers", wanted, "--dry-run", "--exit-code").returncode == 10
    assert person.torchup("setup", "--answers", wanted).returncode == 0
    assert person.torchup("setup", "--answers", wanted, "--dry-run", "--exit-code").returncode == 0


def test_a_dry_run_works_with_a_read_only_home_and_no_root(person: Person, wanted: str) -> None:
    person.home.chmod(0o555)
    try:
        done = person.torchup("setup", "--answers", wanted, "--dry-run")
    finally:
        person.home.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#!/bin/sh\n")


def test_a_saved_plan_is_applied_and_refused_when_it_does_not_hold(person: Person, wanted: str) -> None:
    printed = person.torchup("setup", "--answers", wanted, "--dry-run", "--json").stdout
    plan = person.home.parent / "plan.json"
    stale = json.loads(printed)
    stale["facts_digest"] = "0" * 64
    plan.write_text(json.dumps(stale), encoding="utf-8")
    refused = person.torchup("setup", "--plan", str(plan))
    assert refused.returncode == 6
    assert "plan-stale" in refused.stderr
    plan.write_text(printed, encoding="utf-8")
    done = person.torchup("setup", "--plan", str(plan))
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0+cpu"


def test_save_answers_writes_a_copy_that_undo_takes_back(person: Person, wanted: str) -> None:
    before = person.tree()
    assert person.torchup("setup", "--answers", wanted, "--save-answers", "mine/answers.yaml").returncode == 0
    copy = person.home / "mine/answers.yaml"
    assert copy.read_bytes() == (person.home / ".config/torchup/answers.yaml").read_bytes()
    assert person.torchup("undo", "--yes").returncode == 0
    assert person.tree() == before


def test_an_existing_toolkit_is_what_new_shells_see(person: Person, index: WheelIndex, tmp_path: Path) -> None:
    toolkit = tmp_path / "cuda 13's"
    (toolkit / "bin").mkdir(parents=True)
    (toolkit / "bin/nvcc").write_text("#!/bin/sh\n", encoding="utf-8")
    (toolkit / "bin/nvcc").chmod(0o755)
    (toolkit / "version.json").write_text('{"cuda": {"version": "13.0.1"}}', encoding="utf-8")
    answers = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\nshell: {{shells: [bash, zsh]}}\n"
        f'cuda_toolkit: {{source: existing, path: "{toolkit}"}}\n'
    )
    require("zsh")
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 0, done.stderr
    for shell in ("bash", "zsh"):
        assert person.shell_value(shell, "CUDA_HOME") == str(toolkit)
        assert person.shell_value(shell, "PATH").split(":")[0] == f"{toolkit}/bin"


@pytest.mark.parametrize("fault", [Status(403), Status(404), Status(500)], ids=["403", "404", "500"])
def test_an_index_that_refuses_is_named_and_what_is_used_instead(
    person: Person, wanted: str, index: WheelIndex, fault: Status, tmp_path: Path
) -> None:
    index.links().add("torch", "2.13.0+cpu")
    index.fault("/whl/*", fault)
    done = person.torchup("setup", "--answers", wanted, PIP_FIND_LINKS=index.url("links.html"))
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.13.0+cpu"
    assert index.url("whl").rstrip("/") in done.stderr


def test_no_build_for_the_cpu_is_never_replaced_by_another_variant(
    person: Person, wanted: str, index: WheelIndex
) -> None:
    index.fault("/whl/*", Status(403))
    before = person.tree()
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 7
    assert "2.15.0+cu132" not in done.stdout
    assert person.tree() == before


def test_a_hanging_index_does_not_hang_torchup(person: Person, wanted: str, index: WheelIndex) -> None:
    index.links().add("torch", "2.13.0+cpu")
    index.fault("/whl/*", Slow(600))
    done = person.torchup("setup", "--answers", wanted, PIP_FIND_LINKS=index.url("links.html"), timeout=100)
    assert done.returncode == 0, done.stderr
    assert "did not answer" in done.stderr
