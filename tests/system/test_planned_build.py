"""What was planned is what is compared with: recorded in the journal, never read back from a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.command import Person

CUDA = "__version__ = '2.15.0'\ndebug = False\ncuda = '13.2'\nhip = None\nxpu = None\ngit_version = '0'\n"


@pytest.fixture
def unlabelled(person: Person) -> str:
    """Set torch of the default index up, whose version tells no variant, without the test."""
    index = person.index
    assert index is not None
    index.simple("plain").add("torch", "2.15.0", files={"torch/version.py": CUDA})
    answers = person.answers(
        f"schema: 1\ntorch: {{variant: cu132, packages: [torch]}}\nsource: {{index: '{index.url('plain')}'}}\n"
        "shell: {shells: none}\nverify: {level: none}\n"
    )
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0"
    return answers


def build_check(person: Person, *arguments: str) -> dict[str, Any]:
    done = person.torchup(*arguments, "--json")
    checks = json.loads(done.stdout)["checks"]
    return next(check for check in checks if check["id"] == "build")


def journal(person: Person) -> Path:
    (file,) = (person.home / ".local/state/torchup/journal").glob("*.jsonl")
    return file


def without(key: str, person: Person) -> None:
    """Take a key out of the recorded plan, as an older torchup wrote it."""
    head, *rest = journal(person).read_text(encoding="utf-8").splitlines(keepends=True)
    data = json.loads(head)
    del data["plan"][key]
    journal(person).write_text("".join([json.dumps(data) + "\n", *rest]), encoding="utf-8")


def test_the_plan_says_what_was_decided(person: Person, unlabelled: str) -> None:
    plan = json.loads(journal(person).read_text(encoding="utf-8").splitlines()[0])["plan"]
    assert person.index is not None
    assert plan["build"] == {
        "python": str(person.home / ".venvs/torch/bin/python"),
        "version": "2.15.0",
        "variant": "cu132",
        "source": "default",
        "index": person.index.url("plain"),
    }


def test_verify_finds_the_build_as_planned(person: Person, unlabelled: str) -> None:
    check = build_check(person, "verify", "--level", "quick")
    assert (check["status"], check["value"]) == ("pass", "cu132"), check
    assert "as planned" in check["detail"]


def test_another_build_is_still_seen(person: Person, unlabelled: str) -> None:
    (version,) = (person.home / ".venvs/torch").glob("lib/python3*/site-packages/torch/version.py")
    version.write_text(CUDA.replace("'13.2'", "'12.6'"), encoding="utf-8")
    check = build_check(person, "verify", "--level", "quick")
    assert (check["status"], check["value"]) == ("fail", "cu126"), check


def test_a_journal_that_does_not_say_it_fails_nothing(person: Person, unlabelled: str) -> None:
    without("build", person)
    check = build_check(person, "verify", "--level", "quick")
    assert check["status"] != "fail", check
    told = person.torchup("verify", "--level", "quick").stderr
    assert "not recorded" in told


def test_a_second_run_changes_nothing(person: Person, unlabelled: str) -> None:
    again = person.torchup("setup", "--answers", unlabelled, "--dry-run", "--exit-code")
    assert again.returncode == 0, again.stdout


def test_a_lock_of_such_a_build_installs_it_again(person: Person, unlabelled: str, tmp_path: Path) -> None:
    lock = tmp_path / "pylock.toml"
    lock.write_bytes((person.home / ".venvs/torch/pylock.toml").read_bytes())
    options = ("--set", "environment.path=~/.venvs/again", "--set", "shell.shells=none", "--set", "verify.level=none")
    done = person.torchup("setup", "--from-lock", str(lock), *options)
    assert done.returncode == 0, done.stderr
    assert person.installed(".venvs/again")["torch"] == "2.15.0"
