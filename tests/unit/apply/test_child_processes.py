"""Programs as children: output, limits, signals, secrets, root, and why they failed."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.patience import LONG, soon
from torchup.apply.atomic_write import FileWriter
from torchup.apply.backups import Backups
from torchup.apply.classify import CAUSES, failure
from torchup.apply.interrupts import Interrupts
from torchup.apply.privilege import Elevation, Way, find_elevation
from torchup.apply.processes import TAIL_LINES
from torchup.apply.real_system import RealSystem
from torchup.apply.redact import redact
from torchup.apply.system import Completed
from torchup.errors import RefusedError
from torchup.model.plan import Command, MakeDirectory

STEP = MakeDirectory(id="s", summary="Install torch", why="w", path="/")


def system_in(folder: Path, **more: object) -> RealSystem:
    environ = {"PATH": os.environ["PATH"], "UV_PYTHON": "/nowhere", "KEPT": "yes"}
    return RealSystem(
        writer=FileWriter(backups=Backups(folder / "backups")),
        environ=environ,
        log=folder / "log/today.log",
        **more,  # type: ignore[arg-type]
    )


def run(
    system: RealSystem, *argv: str, timeout: float | None = None, **environment: str
) -> tuple[Completed, list[str]]:
    lines: list[str] = []
    command = Command(argv=argv, environment=environment, timeout_seconds=timeout)
    return system.run(command, as_root=False, on_output=lines.append), lines


def test_output_comes_line_by_line_and_goes_to_the_log(tmp_path: Path) -> None:
    done, lines = run(
        system_in(tmp_path), "sh", "-c", r"echo one; echo two >&2; printf '10%%\r20%%\r\n'; printf 'end \377'"
    )
    assert done.returncode == 0
    assert lines == ["one", "two", "20%", "end �"]
    assert done.tail.splitlines() == lines
    assert (tmp_path / "log/today.log").read_text().splitlines()[-4:-1] == ["two", "20%", "end �"]


def test_the_tail_is_the_end(tmp_path: Path) -> None:
    done, _ = run(system_in(tmp_path), "seq", "1000")
    assert done.tail.splitlines() == [str(number) for number in range(1001 - TAIL_LINES, 1001)]


def test_standard_input_is_closed_and_the_environment_is_explicit(tmp_path: Path) -> None:
    done, lines = run(system_in(tmp_path), "sh", "-c", "cat; echo ${UV_PYTHON-none} $KEPT $ADDED", ADDED="too")
    assert done.returncode == 0
    assert lines == ["none yes too"]


def test_a_program_that_is_missing_or_no_program(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    assert run(system_in(tmp_path), "/nowhere/uv")[0].returncode == 127
    assert run(system_in(tmp_path), str(tmp_path / "text"))[0].returncode == 126


def test_a_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    with soon():
        done, _ = run(system_in(tmp_path), "sh", "-c", f"sleep {LONG} & sleep {LONG}; echo never", timeout=0.4)
    assert done.timed_out
    assert not done.interrupted
    assert done.returncode == -signal.SIGTERM


def test_a_grandchild_that_keeps_the_output_open_does_not_hold_us(tmp_path: Path) -> None:
    with soon():
        done, lines = run(system_in(tmp_path), "sh", "-c", f"sleep {LONG} & echo done")
    assert (done.returncode, lines) == (0, ["done"])


def press(times: int, every: float = 0.4) -> None:
    def go() -> None:
        for _ in range(times):
            time.sleep(every)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=go, daemon=True).start()


def test_ctrl_c_once_asks_and_twice_kills(tmp_path: Path) -> None:
    polite = "trap 'echo cleaning up; exit 3' INT; i=0; while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done"
    with Interrupts() as interrupts:
        press(1)
        done, lines = run(system_in(tmp_path, interrupts=interrupts), "sh", "-c", polite)
    assert (done.interrupted, done.returncode, lines) == (True, 3, ["cleaning up"])
    stubborn = "trap '' INT TERM; i=0; while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done"
    began = time.monotonic()
    with Interrupts() as interrupts:
        press(2)
        done, _ = run(system_in(tmp_path, interrupts=interrupts), "sh", "-c", stubborn)
    assert (done.interrupted, done.returncode) == (True, -signal.SIGKILL)
    assert time.monotonic() - began < 5


def test_a_package_manager_finishes_after_the_first_ctrl_c(tmp_path: Path) -> None:
    with Interrupts() as interrupts:
        press(1, every=0.2)
        system = system_in(tmp_path, interrupts=interrupts, elevation=lambda: Elevation(way="root"))
        done = system.run(Command(argv=("sh", "-c", "sleep 0.8; echo configured")), as_root=True)
    assert (done.returncode, done.tail, done.interrupted) == (0, "configured", False)
    assert interrupts.count == 1


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_secrets_reach_the_program_and_nobody_else(tmp_path: Path) -> None:
    system = system_in(tmp_path, secrets={"TOKEN": "canary-7Q"})
    done, lines = run(system, "sh", "-c", "echo $TOKEN | tr a-z A-Z; echo $TOKEN https://ann:pw@h/x")
    assert lines == ["CANARY-7Q", "**** https://****@h/x"]
    assert "canary" not in done.tail + (tmp_path / "log/today.log").read_text() + repr(system)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:s3cr3t@host/simple/", "https://****@host/simple/"),
        ("see http://token@host and ssh://git@h", "see http://****@host and ssh://****@h"),
        ("mail ann@host", "mail ann@host"),
        ("file:///a@b", "file:///a@b"),
    ],
)
def test_logins_in_urls_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


# --- Why a program failed ------------------------------------------------------------------------------------

SAID = {
    "disk-full": "error: failed to write: No space left on device (os error 28)",
    "hash-mismatch": "  cause: Hash mismatch for `torch==2.13.0+cpu`",
    "certificate": "cause: invalid peer certificate: UnknownIssuer",
    "authentication": "HTTP status client error (401 Unauthorized) for url (https://h/simple/torch/)",
    "network": "cause: error sending request for url (http://127.0.0.1:9/torch/)",
    "no-matching-distribution": "ERROR: No matching distribution found for torch==9.9 (from versions: none)",
    "interpreter-missing": "error: No interpreter found for Python 3.99 in managed installations or search path",
    "externally-managed": "error: externally-managed-environment",
    "read-only-file-system": "cause: Read-only file system (os error 30)",
    "no-permission": "error: failed to create file: Permission denied (os error 13)",
    "out-of-memory": "MemoryError",
    "conda-unsolvable": "LibMambaUnsatisfiableError: Encountered problems while solving:",
    "conda-channel-missing": "UnavailableInvalidChannel: HTTP 404 NOT FOUND for channel nowhere <file:///c/nowhere>",
    "file-limit": "File too large (os error 27)",
}


@pytest.mark.parametrize("code", SAID)
def test_the_cause_is_named(code: str) -> None:
    error = failure(STEP, Command(argv=("/bin/uv", "pip")), Completed(returncode=2, tail=f"Resolved 1\n{SAID[code]}"))
    assert error.code == code
    assert error.evidence[-1] == SAID[code]
    assert error.hint


def test_every_cause_has_an_example() -> None:
    assert {cause.code for cause in CAUSES} == set(SAID)


def test_other_failures_say_how_the_program_ended() -> None:
    command = Command(argv=("/bin/uv", "pip"), timeout_seconds=3)
    killed = failure(STEP, command, Completed(returncode=-9, tail=""))
    assert "killed by signal 9" in killed.message
    assert "memory" in (killed.hint or "")
    assert failure(STEP, command, Completed(returncode=-15, tail="", timed_out=True)).code == "command-timeout"
    assert failure(STEP, command, Completed(returncode=5, tail="what?")).code == "command-failed"


# --- Root ----------------------------------------------------------------------------------------------------


def fake(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755 | stat.S_IXUSR)


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def programs(**bodies: str) -> Path:
        for name, body in bodies.items():
            fake(tmp_path / "bin", name, body)
        (tmp_path / "bin").mkdir(exist_ok=True)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin")
        return tmp_path / "bin"

    return programs


def test_root_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    elevation = find_elevation(attended=False, environ={})
    elevation.authorise()
    assert elevation.argv(Command(argv=("apt", "x"))) == ("apt", "x")


def test_without_a_way_to_root_it_is_refused(not_root: Callable[..., Path]) -> None:
    not_root()
    with pytest.raises(RefusedError) as caught:
        find_elevation(attended=True, environ={})
    assert caught.value.code == "no-privilege"


def test_sudo_is_asked_first_and_gets_the_environment(not_root: Callable[..., Path]) -> None:
    folder = not_root(sudo="exit 0", doas="exit 0")
    elevation = find_elevation(attended=False, environ={})
    command = Command(argv=("apt-get", "x"), environment={"DEBIAN_FRONTEND": "noninteractive"})
    assert elevation.argv(command) == (
        *(f"{folder}/sudo", "-n", "--", "env", "DEBIAN_FRONTEND=noninteractive"),
        *("apt-get", "x"),
    )


def test_unattended_a_password_is_never_waited_for(not_root: Callable[..., Path], tmp_path: Path) -> None:
    not_root(sudo=f'printf "%s\\n" "$*" >>{tmp_path}/asked; [ "$1" != -n ]')
    with pytest.raises(RefusedError) as caught:
        find_elevation(attended=False, environ={}).authorise()
    assert caught.value.code == "no-privilege"
    find_elevation(attended=True, environ={}).authorise()
    assert (tmp_path / "asked").read_text().splitlines() == ["-n true", "-v"]


DOAS = 'printf "%s\\n" "$*" >>{0}/asked; [ "$1" = -n ] && [ ! -e {0}/known ] && exit 1; {1}; exit 0'


@pytest.mark.parametrize("persists", [True, False])
def test_doas_asks_on_a_terminal_once_where_it_persists(
    not_root: Callable[..., Path], tmp_path: Path, persists: bool
) -> None:
    not_root(doas=DOAS.format(tmp_path, f">{tmp_path}/known" if persists else ":"))
    with pytest.raises(RefusedError, match="doas asks for a password, and nobody is asked"):
        find_elevation(attended=False, environ={}).authorise()
    elevation = find_elevation(attended=True, environ={})
    elevation.authorise()
    assert (tmp_path / "asked").read_text().splitlines() == ["-n true", "true"]
    assert elevation.asks() is not persists
    words = elevation.argv(Command(argv=("apt-get", "x")), asks=elevation.asks())
    assert words[1:] == (("-n", "apt-get", "x") if persists else ("setsid", "apt-get", "x"))


@pytest.mark.parametrize("way", ["root", "sudo", "pkexec"])
def test_no_other_way_asks_before_a_command(way: Way) -> None:
    assert not Elevation(way=way, program="/nowhere", attended=True).asks()


def test_what_doas_asks_before_stays_in_the_terminals_group_and_the_command_leaves_it(tmp_path: Path) -> None:
    seen = "import os; print('ours', os.getpgrp() == int(os.environ['OURS']), os.isatty(0))"
    fake(tmp_path / "bin", "doas", f'[ "$1" = -n ] && exit 1; {sys.executable} -c "{seen}"; exec "$@"')
    elevation = Elevation(way="doas", program=str(tmp_path / "bin/doas"), attended=True)
    system = system_in(tmp_path, elevation=lambda: elevation)
    command = Command(argv=(sys.executable, "-c", seen), environment={"OURS": str(os.getpgrp())})
    named = {**system.environ, "OURS": str(os.getpgrp())}
    done = replace(system, environ=named).run(command, as_root=True)
    assert done.tail.splitlines() == ["ours True False", "ours False False"]


def test_a_root_command_goes_through_the_elevating_program(tmp_path: Path) -> None:
    fake(tmp_path / "bin", "doas", 'shift; echo as root: "$@"; exec "$@"')
    elevation = Elevation(way="doas", program=str(tmp_path / "bin/doas"))
    system = system_in(tmp_path, elevation=lambda: elevation)
    command = Command(argv=(sys.executable, "-c", "import os; print(os.environ['X'])"), environment={"X": "there"})
    done = system.run(command, as_root=True)
    assert done.tail.splitlines()[-1] == "there"
    assert done.tail.startswith("as root: env X=there")
