"""Bad input and bad days through the command line: the exit code, the message, and nothing changed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.command import Person
from support.patience import soon
from support.wheel_index import Slow, WheelIndex

BAD_ANSWERS = {
    "not-yaml": ("schema: 1\ntorch: [unclosed\n", ":3:1"),
    "wrong-type": ("schema: 1\ntorch: 5\n", ":2:8"),
    "unknown-key": ("schema: 1\ntorch: {verison: latest}\n", "version"),
    "wrong-enum": ("schema: 1\nenvironment: {kind: virtual}\n", "venv"),
    "duplicate-key": ("schema: 1\npython: {version: '3.11'}\npython: {version: '3.12'}\n", ":3:"),
    "number-for-a-string": ("schema: 1\npython:\n  version: 3.10\n", "3.10"),
    "junk": ("\x01\x02 junk\n" * 100_000 * 8, "bytes"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answers_file_is_reported_with_its_place(person: Person, name: str) -> None:
    text, wanted = BAD_ANSWERS[name]
    before = person.tree()
    with soon():
        done = person.torchup("setup", "--answers", person.answers(text))
    assert done.returncode == 2, done.stderr
    assert wanted in done.stderr
    assert "hint" in done.stderr
    assert person.tree() == before


def test_all_problems_come_in_one_report(person: Person) -> None:
    answers = person.answers("schema: 1\ntorch:\n  varient: cpu\n  version: 3\nshell: {scope: some}\n")
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 2
    for place in (":3:3", ":4:12", ":5:"):
        assert place in done.stderr


def test_a_missing_answers_file_and_a_directory(person: Person) -> None:
    for place in ("missing.yaml", str(person.home)):
        done = person.torchup("setup", "--answers", place)
        assert done.returncode == 2
        assert place in done.stderr


def _with(person: Person, index: WheelIndex, more: str) -> str:
    return person.answers(f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n{more}")


def test_a_target_that_is_a_file_or_holds_other_things(person: Person, index: WheelIndex) -> None:
    (person.home / "taken").write_text("mine", encoding="utf-8")
    (person.home / "full").mkdir()
    (person.home / "full/thesis.tex").write_text("mine", encoding="utf-8")
    before = person.tree()
    for path, code in (("taken", "target-is-a-file"), ("full", "target-not-empty")):
        done = person.torchup("setup", "--answers", _with(person, index, f"environment: {{path: ~/{path}}}\n"))
        assert done.returncode == 6, done.stderr
        assert code in done.stderr
        assert person.tree() == before


def test_an_environment_that_torchup_did_not_make_is_left_alone(person: Person, index: WheelIndex) -> None:
    subprocess.run(["python3", "-m", "venv", "--without-pip", person.home / "theirs"], check=True)
    before = person.tree()
    done = person.torchup("setup", "--answers", _with(person, index, "environment: {path: ~/theirs}\n"))
    assert done.returncode == 6, done.stderr
    assert "environment-exists" in done.stderr or "python-differs" in done.stderr
    assert person.tree() == before


@pytest.mark.parametrize("version", ["2.7", "3.99", "/nowhere/python3"])
def test_a_python_that_is_missing_or_unfit_is_named_with_the_reason(
    person: Person, index: WheelIndex, version: str
) -> None:
    done = person.torchup("setup", "--answers", _with(person, index, f'python: {{version: "{version}"}}\n'))
    assert done.returncode in (2, 7), done.stderr
    assert version in done.stderr
    assert "from versions: none" not in done.stderr


def test_a_disk_that_is_full_while_installing_leaves_things_as_they_were(person: Person, wanted: str) -> None:
    before = person.tree()
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 2; exec "$@"', "bash", *_command(person, "setup", "--answers", wanted)],
        cwd=person.home,
        # Without this the limit would also cut off the byte code of torchup itself.
        env={**person.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert limited.returncode in (1, 5), limited.stderr
    assert person.tree() == before


def _command(person: Person, *arguments: str) -> list[str]:
    from support.command import TORCHUP

    return [str(TORCHUP), *arguments]


@pytest.fixture
def busy(person: Person, wanted: str, index: WheelIndex) -> subprocess.Popen[str]:
    """A set-up that hangs while uv waits for a dependency of torch."""
    index.pytorch("cpu").add("torch", "2.17.0+cpu", requires=("slowpoke==1.0",))
    index.simple().add("slowpoke", "1.0")
    index.fault("/simple/slowpoke/", Slow(60), times=1)
    process = person.start("setup", "--answers", wanted)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not index.seen("/whl/cpu/slowpoke"):
        time.sleep(0.1)
        assert process.poll() is None, process.communicate()
    assert index.seen("/whl/cpu/slowpoke")  # the slow page itself is noted when it ends
    return process


def test_kill_in_the_middle_then_resume(
    person: Person, busy: subprocess.Popen[str], index: WheelIndex, wanted: str
) -> None:
    os.kill(busy.pid, signal.SIGKILL)
    busy.communicate()
    index.heal()
    status = person.torchup("status")
    assert "cut off" in status.stdout
    assert "resume" in status.stdout
    refused = person.torchup("setup", "--answers", wanted)
    assert refused.returncode == 6
    assert "unfinished-run" in refused.stderr
    done = person.torchup("resume")
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.17.0+cpu"
    assert person.shell_value("bash", "TORCHUP_ENVIRONMENT") == str(person.home / ".venvs/torch")


@pytest.fixture
def bashrc_that_no_block_fits(person: Person) -> bytes:
    (person.home / ".bashrc").write_bytes(b"readonly _torchup_kept=x\n")
    return (person.home / ".bashrc").read_bytes()


def test_an_edit_of_a_resumed_run_that_new_shells_suffer_from_is_put_back(
    person: Person, bashrc_that_no_block_fits: bytes, busy: subprocess.Popen[str], index: WheelIndex
) -> None:
    os.kill(busy.pid, signal.SIGKILL)
    busy.communicate()
    index.heal()
    done = person.torchup("resume")
    assert done.returncode == 1, done.stderr
    assert "error[shells-changed]" in done.stderr
    assert (person.home / ".bashrc").read_bytes() == bashrc_that_no_block_fits
    assert b"torchup" not in (person.home / ".zshrc").read_bytes()
    assert not (person.home / ".venvs").exists()


def test_kill_in_the_middle_then_undo(person: Person, busy: subprocess.Popen[str]) -> None:
    os.kill(busy.pid, signal.SIGKILL)
    busy.communicate()
    done = person.torchup("undo", "--yes")
    assert done.returncode == 0, done.stderr
    assert sorted(path for path in person.tree() if not path.startswith(".local")) == [".bashrc", ".zshrc"]


def test_control_c_stops_cleanly_and_says_how_to_go_on(
    person: Person, busy: subprocess.Popen[str], index: WheelIndex
) -> None:
    os.kill(busy.pid, signal.SIGINT)
    _, told = busy.communicate(timeout=30)
    assert busy.returncode == 130, told
    assert "resume" in told
    assert "undo" in told
    index.heal()
    done = person.torchup("resume")
    assert done.returncode == 0, done.stderr


def test_two_runs_at_once(person: Person, busy: subprocess.Popen[str], wanted: str) -> None:
    second = person.torchup("setup", "--answers", wanted)
    assert second.returncode == 6
    assert "another-run" in second.stderr
    os.kill(busy.pid, signal.SIGKILL)
    busy.communicate()
    assert person.torchup("undo", "--yes").returncode == 0


def test_no_home(person: Person, tmp_path: Path) -> None:
    environ = {name: value for name, value in person.environ.items() if name != "HOME"}
    done = subprocess.run(
        [*_command(person, "status")],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # The account's own home stands in; without either it refuses.
    assert done.returncode in (0, 6), done.stderr
