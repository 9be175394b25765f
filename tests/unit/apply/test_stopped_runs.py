"""Runs that are killed, interrupted, or fail: the journal tells, and resume and undo work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.apply_child import sandbox_at
from support.patience import soon
from support.sandbox import Sandbox, passing, tree
from support.stand_in_apt import StandInApt
from torchup.apply.change import RestartChange
from torchup.apply.events import Event, StepStarted
from torchup.apply.executor import execute
from torchup.apply.history import last_run, read_runs
from torchup.apply.interrupts import Interrupts
from torchup.apply.journal import Journal
from torchup.apply.lock import run_lock
from torchup.apply.real_system import RealSystem
from torchup.apply.run import apply_plan, resume_run, undo_run
from torchup.apply.status import read_status
from torchup.errors import ExitStatus, InterruptError, RefusedError, StepError, StoppedError
from torchup.model.outcome import Outcome
from torchup.model.plan import Plan, Reboot, WriteFile

TESTS = Path(__file__).parents[2]

SLOW_UV = """#!/bin/sh
# Installs half of torch and then takes its time, once.
if [ "$1 $2" = "pip install" ] && [ ! -e {flag} ]; then
  : >{flag}
  site=$(echo {home}/.venvs/torch/lib/python3*/site-packages)
  wheel=$UV_CACHE_DIR/archive-v0/torch
  mkdir -p "$wheel/torch" "$wheel/torch-2.13.0+cpu.dist-info" && printf 'half and half' >"$wheel/torch/__init__.py"
  mkdir -p "$site/torch" && printf half >"$site/torch/__init__.py"
  mkdir -p "$site/torch-2.13.0+cpu.dist-info"
  trap '{trap}' INT TERM
  echo working
  i=0
  while [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done
fi
exec {uv} "$@"
"""


def slow_uv(folder: Path, *, trap: str = "exit 130") -> Path:
    path = folder / "uv"
    path.write_text(SLOW_UV.format(flag=folder / "flag", home=folder / "home", trap=trap, uv=find_uv_bin()))
    path.chmod(0o755)
    return path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "support.apply_child", folder, *arguments],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, *arguments: str) -> tuple[int, str]:
    child = start(folder, *arguments)
    said, _ = child.communicate(timeout=60)
    return child.returncode, said


@contextmanager
def working(folder: Path, uv: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run and wait until it is in the middle of installing."""
    child = start(folder, "apply", "--uv", str(uv))
    assert child.stdout is not None
    for line in child.stdout:
        if line == "line working\n":
            break
    try:
        yield child
        child.stdout.read()
        child.wait(timeout=30)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Sandbox.create(tmp_path)
    return tmp_path


STEPS = ("answers", "environment", "requirements", "packages", "env-file:env.sh", "verify")


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_between_two_steps_can_be_resumed(folder: Path, step: str) -> None:
    assert finish(folder, "apply", "--kill-at", step)[0] == -signal.SIGKILL
    box = sandbox_at(folder)
    status = read_status(box.context)
    assert status is not None
    assert (status.ended, status.can_resume) == (None, True)
    with pytest.raises(RefusedError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing)
    assert caught.value.code == "unfinished-run"
    result = resume_run(box.machine, verifier=passing)
    assert result.exit_status is ExitStatus.DONE
    assert not apply_plan(box.plan(), box.machine, verifier=passing).changed
    assert (last := last_run(box.context)) is not None
    assert last.status == "done"


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_between_two_steps_can_be_undone(folder: Path, step: str) -> None:
    box = sandbox_at(folder)
    before = tree(box.home)
    finish(folder, "apply", "--kill-at", step)
    assert not undo_run(box.machine).left
    assert tree(box.home) == before
    assert apply_plan(box.plan(), box.machine, verifier=passing).changed


@pytest.mark.parametrize("then", ["resume", "undo"])
def test_a_run_killed_in_the_middle_of_installing(folder: Path, then: str) -> None:
    box = sandbox_at(folder)
    before = tree(box.home)
    with working(folder, slow_uv(folder)) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        record = last_run(box.context)
        assert record is not None
        assert (record.status, record.steps["packages"].outcome) == (None, None)
        code, said = finish(folder, then)
    assert code == 0, said
    if then == "undo":
        assert tree(box.home) == before
    else:
        program = "import torch; print(torch.__version__)"
        done = subprocess.run(
            [box.environment / "bin/python", "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout == "2.13.0+cpu\n"
        assert finish(folder, "undo")[0] == 0
        assert tree(box.home) == before


KILLING_UV = """#!/bin/sh
# Kills torchup when it is to make the lock, once: between the two commands of that step.
if [ "$1 $2" = "pip compile" ] && [ ! -e {flag} ]; then
  : >{flag}
  kill -9 "$PPID"
  {half}
  exit 1
fi
exec {uv} "$@"
"""


@pytest.mark.parametrize("half", [":", "echo 'lock-version = \"1.0\"' >{home}/.venvs/torch/pylock.toml"])
@pytest.mark.parametrize("then", ["resume", "undo"])
def test_a_run_killed_between_the_two_commands_of_the_lock(folder: Path, then: str, half: str) -> None:
    box = sandbox_at(folder)
    before = tree(box.home)
    home = folder / "home"
    uv = folder / "uv"
    uv.write_text(KILLING_UV.format(flag=folder / "flag", half=half.format(home=home), uv=find_uv_bin()))
    uv.chmod(0o755)
    code, said = finish(folder, "apply", "--uv", str(uv))
    assert code == -signal.SIGKILL, said
    assert (box.environment / "torchup-installed.txt").exists()
    code, said = finish(folder, then)
    assert code == 0, said
    if then == "resume":
        assert 'name = "torch"' in (box.environment / "pylock.toml").read_text()
        assert not apply_plan(box.plan(), box.machine, verifier=passing).changed
    else:
        assert tree(box.home) == before


def test_what_a_killed_run_left_at_work_is_ended(folder: Path) -> None:
    with working(folder, slow_uv(folder)) as child:
        note = json.loads((folder / "home/.local/state/torchup/child.json").read_text())
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert is_running(note["pid"])
        finish(folder, "undo")
        assert not is_running(note["pid"])


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_stops_cleanly_and_says_how_to_go_on(folder: Path, number: int, code: int) -> None:
    box = sandbox_at(folder)
    before = tree(box.home)
    child = start(folder, "apply", "--uv", str(slow_uv(folder)))
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if line == "line working\n":
            os.kill(child.pid, number)
    assert child.wait(timeout=30) == code
    assert "torchup resume" in said
    assert "torchup undo" in said
    child.stdout.close()
    status = read_status(box.context)
    assert status is not None
    assert {step.id: step.state for step in status.steps}["packages"] == "half-done"
    assert (status.ended, status.can_resume, status.can_undo) == ("interrupted", True, True)
    assert finish(folder, "resume")[0] == 0
    assert finish(folder, "undo")[0] == 0
    assert tree(box.home) == before


def test_the_second_signal_kills_a_program_that_does_not_stop(folder: Path) -> None:
    with soon(), working(folder, slow_uv(folder, trap="")) as child:
        os.kill(child.pid, signal.SIGINT)
        time.sleep(0.5)
        assert child.poll() is None
        os.kill(child.pid, signal.SIGINT)
    assert child.returncode == 130
    assert finish(folder, "undo")[0] == 0


def test_a_signal_between_steps_stops_before_the_next(box: Sandbox) -> None:
    def press(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step.id == "answers":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing, on_event=press)
    assert caught.value.exit_status == 130
    assert (box.context.places.config / "answers.yaml").exists()
    assert not box.environment.exists()
    resume_run(box.machine, verifier=passing)
    assert box.environment.exists()


def test_a_signal_before_anything_was_changed_says_so(box: Sandbox) -> None:
    before = tree(box.home)
    plan = box.plan()
    journal = Journal.create(box.context, plan)
    run = partial(execute, plan, box.machine.system(), journal=journal, context=box.context, verifier=None)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(InterruptError) as caught:
            run(interrupts=interrupts)
    assert "nothing was changed" in caught.value.message
    assert tree(box.home) == before
    apply_plan(plan, box.machine, verifier=passing)


def test_two_runs_at_once(folder: Path) -> None:
    with working(folder, slow_uv(folder)) as child:
        code, said = finish(folder, "apply")
        assert code == ExitStatus.REFUSED
        assert "error another-run" in said
        assert f"process {child.pid}, since 20" in said
        os.kill(child.pid, signal.SIGINT)


def test_the_lock_is_free_after_a_run(box: Sandbox) -> None:
    for _ in range(2):
        with run_lock(box.context), pytest.raises(RefusedError), run_lock(box.context):
            pass


def test_a_step_that_fails_takes_the_run_back(box: Sandbox) -> None:
    box.offers = (box.offers[0], replace(box.offers[0], package="torchnothing"))
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing)
    assert caught.value.code == "no-matching-distribution"
    assert "torchnothing" in "\n".join(caught.value.evidence)
    assert tree(box.home) == before
    with pytest.raises(RefusedError):
        resume_run(box.machine, verifier=passing)


def make_plan_of(*steps: object) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)  # type: ignore[arg-type]


def test_a_step_that_was_stopped_and_had_done_its_work_counts_as_done(box: Sandbox) -> None:
    file = WriteFile(id="file", summary="File", why="w", path=str(box.home / "file"), content="x\n")
    apply_plan(make_plan_of(file), box.machine, verifier=None)
    path = read_runs(box.context)[0].path
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:2]))
    journal = Journal.reopen(box.context, path)
    stopped = Outcome(step_id="file", status="failed", detail="stopped")
    journal.finished("file", stopped, read_runs(box.context)[0].steps["file"].change, at=box.context.now())
    journal.end("interrupted", at=box.context.now())
    resume_run(box.machine, verifier=None)
    status = read_status(box.context)
    assert status is not None
    assert [step.state for step in status.steps] == ["done"]
    assert not undo_run(box.machine).left
    assert not (box.home / "file").exists()


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInApt:
    return StandInApt.create(tmp_path / "debian", monkeypatch)


def test_what_cannot_be_taken_back_is_said_and_ends_with_5(box: Sandbox, apt: StandInApt) -> None:
    apt.offer("driver")
    file = WriteFile(id="file", summary="File", why="w", path=str(box.home / "file"), content="x\n")
    with pytest.raises(StoppedError) as caught:
        apply_plan(
            make_plan_of(apt.install("driver"), file, apt.install("nothing", id="breaks")), box.machine, verifier=None
        )
    assert caught.value.exit_status == 5
    assert any("apt-get remove --autoremove driver" in line for line in caught.value.evidence)
    assert any("E: Unable to locate package nothing" in line for line in caught.value.evidence)
    assert not (box.home / "file").exists()
    status = read_status(box.context)
    assert status is not None
    assert {step.id: step.state for step in status.steps} == {"packages": "left", "file": "undone", "breaks": "undone"}


def test_a_restart_ends_the_run_and_resume_goes_on_after_it(
    box: Sandbox, apt: StandInApt, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.offer("driver")
    restart = Reboot(id="restart", summary="Restart the machine", why="The driver is new.")
    file = WriteFile(id="file", summary="File", why="w", path=str(box.home / "file"), content="x\n")
    plan = make_plan_of(apt.install("driver"), restart, file)
    result = apply_plan(plan, box.machine, verifier=None)
    assert result.exit_status is ExitStatus.REBOOT_NEEDED
    assert not (box.home / "file").exists()
    assert resume_run(box.machine, verifier=None).exit_status is ExitStatus.REBOOT_NEEDED
    (record,) = read_runs(box.context)
    assert isinstance(record.steps["restart"].change, RestartChange)
    monkeypatch.setattr(RealSystem, "boot_id", lambda _system: "the next start")
    assert resume_run(box.machine, verifier=None).exit_status is ExitStatus.DONE
    assert (box.home / "file").read_text() == "x\n"
