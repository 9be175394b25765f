"""Locks of package managers: who holds them, waiting with the person told, and the end of patience."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchup.apply.events import Event, LockWait
from torchup.apply.interrupts import Interrupts
from torchup.apply.lock_wait import wait_for_lock
from torchup.apply.package_locks import LockHolder, lock_holder, parse_locks
from torchup.errors import StepError

HOLD = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()"

LOCKS = """\
1: FLOCK  ADVISORY  WRITE 501 00:19:1187 0 EOF
2: POSIX  ADVISORY  WRITE 39 00:28:2401654 0 EOF
2: -> POSIX  ADVISORY  WRITE 77 00:28:2401654 0 EOF
3: POSIX  ADVISORY  READ  40 00:28:9 128 128
4: OFDLCK ADVISORY  WRITE -1 08:01:12 0 EOF
5: LEASE  ACTIVE    READ 41 08:01:13 0 EOF
"""


def test_the_kernels_list_is_read() -> None:
    assert parse_locks(LOCKS) == {1187: 501, 2401654: 39, 12: -1}


@pytest.mark.parametrize("name", ["var/lib/dpkg/lock-frontend", "var/lib/apt/lists/lock"])
def test_the_holder_of_a_real_lock_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert lock_holder("apt", tmp_path) is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        found = lock_holder("apt", tmp_path)
        assert found == LockHolder(
            path=str(path), pid=holder.pid, program=Path(f"/proc/{holder.pid}/comm").read_text().strip()
        )
        assert str(found) == f"{found.program} (process {holder.pid})"
        holder.communicate("")
    assert lock_holder("apt", tmp_path) is None


def test_notes_of_other_managers_count_while_their_process_lives(tmp_path: Path) -> None:
    note = tmp_path / "run/zypp.pid"
    note.parent.mkdir()
    note.write_text(f"{os.getpid()}\n")
    found = lock_holder("zypper", tmp_path)
    assert found is not None
    assert found.pid == os.getpid()
    note.write_text("99999999\n")
    assert lock_holder("zypper", tmp_path) is None
    note.write_text("")
    assert lock_holder("zypper", tmp_path) is None


def test_pacmans_file_is_the_lock_itself(tmp_path: Path) -> None:
    lock = tmp_path / "var/lib/pacman/db.lck"
    lock.parent.mkdir(parents=True)
    assert lock_holder("pacman", tmp_path) is None
    lock.write_text("")
    found = lock_holder("pacman", tmp_path)
    assert found == LockHolder(path=str(lock), pid=None)
    assert str(lock) in str(found)


HOLDER = LockHolder(path="/var/lib/dpkg/lock", pid=7, program="apt")


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def now(self) -> float:
        return self.time


def wait(clock: Clock, frees_at: float, interrupts: Interrupts | None = None, manager: str = "apt") -> list[Event]:
    told: list[Event] = []
    holder = HOLDER if manager == "apt" else LockHolder(path="/var/lib/pacman/db.lck", pid=None)
    wait_for_lock(
        manager,
        interrupts or Interrupts(),
        told.append,
        find=lambda _manager: holder if clock.time < frees_at else None,
        longest_seconds=60,
        sleep=clock.sleep,
        now=clock.now,
    )
    return told


def test_the_person_hears_once_a_second_who_is_waited_for() -> None:
    told = wait(Clock(), 103.1)
    seconds = [round(event.seconds) for event in told if isinstance(event, LockWait)]
    assert seconds == [0, 1, 2, 3]
    assert isinstance(told[0], LockWait)
    assert told[0].holder == "apt (process 7)"


def test_a_free_lock_is_not_worth_a_word() -> None:
    assert wait(Clock(), 0) == []


def test_patience_ends_with_the_holder_named() -> None:
    with pytest.raises(StepError) as caught:
        wait(Clock(), 1e9)
    assert caught.value.code == "package-lock"
    assert "apt (process 7)" in caught.value.message
    with pytest.raises(StepError) as caught:
        wait(Clock(), 1e9, manager="pacman")
    assert "sudo rm /var/lib/pacman/db.lck" in (caught.value.hint or "")


def test_ctrl_c_ends_the_waiting() -> None:
    clock, interrupts = Clock(), Interrupts()
    interrupts.count = 1
    assert wait(clock, 1e9, interrupts) == []
    assert clock.time == 100.0
