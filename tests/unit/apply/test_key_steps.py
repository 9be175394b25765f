"""Secure Boot keys: known ones are left alone, the password is seen by the person alone, nobody there means no."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from support.sandbox import Sandbox
from support.tools import require
from torchup.apply import key_password
from torchup.apply.change import NoChange, SystemChange
from torchup.apply.driver_check import DriverVerdict
from torchup.apply.events import Event, KeyPassword
from torchup.apply.key_password import hash_password, with_one_time_password
from torchup.apply.key_steps import ASKED_FOR, ENROLLED, prepare_key, revert_key
from torchup.apply.privilege import Elevation
from torchup.apply.run import Machine, apply_plan, predict, resume_run
from torchup.apply.script import dry_run
from torchup.apply.system import FileState
from torchup.errors import RefusedError, StepError, StoppedError
from torchup.model.plan import CheckDriver, Command, EnrollKey, Plan, WriteFile

MOKUTIL = """#!/bin/sh
# Keeps what it is told, and the file of the hash.
printf '%s\\n' "$*" >>'{folder}/asked'
while [ $# -gt 0 ]; do
  [ "$1" = --hash-file ] && {{ cp "$2" '{folder}/hash'; stat -c %a "$2" >'{folder}/mode'; }}
  shift
done
exit {status}
"""


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be root as far as finding a way to root goes."""
    monkeypatch.setattr("torchup.apply.run.find_elevation", lambda **_given: Elevation(way="root"))


def mokutil(folder: Path, status: int = 0) -> Path:
    program = folder / "mokutil"
    program.write_text(MOKUTIL.format(folder=folder, status=status))
    program.chmod(0o755)
    return program


def enroll(program: Path, key: Path) -> EnrollKey:
    return EnrollKey(
        id="key",
        summary="Register the key",
        why="Secure Boot loads signed modules only.",
        key_path=str(key),
        commands=(Command(argv=(str(program), "--import", str(key))),),
        undo_commands=(Command(argv=("mokutil", "--revoke-import", str(key))),),
    )


def plan_of(*steps: Any) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


def attended(box: Sandbox) -> Machine:
    return replace(box.machine, attended=True)


def test_only_the_person_gets_to_see_the_password(box: Sandbox, tmp_path: Path, at_root: None) -> None:
    key = tmp_path / "mok.der"
    key.write_bytes(b"certificate")
    told: list[Event] = []
    step = enroll(mokutil(tmp_path), key)
    result = apply_plan(plan_of(step), attended(box), verifier=None, on_event=told.append)
    assert result.changed
    (password,) = [event.password for event in told if isinstance(event, KeyPassword)]
    assert len(password) == 8
    assert password.isdigit()
    hashed = (tmp_path / "hash").read_text().strip()
    assert hashed.startswith("$6$")
    assert (tmp_path / "mode").read_text() == "600\n"
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith(f"--import {key} --hash-file ")
    assert not Path(asked.split()[-1]).exists()
    # Neither the password nor its hash is in the journal, the log or on the command line.
    kept = "".join(
        path.read_text() for path in box.home.rglob("*") if path.is_file() and path.suffix in (".jsonl", ".log")
    )
    for secret in (password, hashed):
        assert secret not in kept
        assert secret not in asked
        assert secret not in repr(told)


def test_the_hash_is_the_one_of_crypt() -> None:
    hashed = hash_password("12345678")
    salt = hashed.split("$")[2]
    same = subprocess.run(
        [require("openssl"), "passwd", "-6", "-salt", salt, "-stdin"],
        input="12345678\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert hashed == same.stdout.strip()
    assert len(salt) == 16
    assert hash_password("12345678") != hashed


def test_the_file_of_the_hash_goes_whatever_happens() -> None:
    seen: list[Path] = []

    def fail() -> None:
        with with_one_time_password(Command(argv=("mokutil",)), lambda _event: None) as command:
            seen.append(Path(command.argv[-1]))
            assert seen[0].stat().st_mode & 0o777 == 0o600
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not seen[0].exists()


def test_without_libcrypt_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_password, "_LIBRARIES", ("libnothing.so.1",))
    with pytest.raises(StepError) as caught:
        hash_password("1")
    assert caught.value.code == "no-crypt"


def test_with_nobody_there_it_is_refused_before_anything_is_done(box: Sandbox, tmp_path: Path, at_root: None) -> None:
    step = enroll(mokutil(tmp_path), tmp_path / "mok.der")
    file = WriteFile(id="file", summary="s", why="w", path=str(box.home / "file"), content="x")
    assert predict(plan_of(file, step), box.machine)[1].status == "changed"
    with pytest.raises(RefusedError) as caught:
        apply_plan(plan_of(file, step), box.machine, verifier=None)
    assert (caught.value.code, caught.value.exit_status) == ("secure-boot-needs-person", 6)
    assert not (box.home / "file").exists()
    assert not (tmp_path / "asked").exists()


def test_a_run_goes_on_unattended_once_the_key_is_known(
    box: Sandbox, tmp_path: Path, at_root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = tmp_path / "MokListRT"
    firmware.write_bytes(b"head certificate tail")
    monkeypatch.setattr("torchup.apply.key_steps.ENROLLED", str(firmware))
    key = tmp_path / "mok.der"
    key.write_bytes(b"certificate")
    file = WriteFile(id="file", summary="s", why="w", path=str(box.home / "file"), content="x")
    wrong = DriverVerdict(ok=False, code="driver-nouveau", text="nouveau", hint="Restart.")
    look = CheckDriver(id="look", summary="s", why="w", branch="580", module=None, minimum=None)
    plan = plan_of(file, enroll(mokutil(tmp_path), key), look)
    with pytest.raises(StoppedError):
        apply_plan(plan, box.machine, verifier=None, driver_checker=lambda _step: wrong)
    assert resume_run(box.machine, verifier=None).status == "done"


def test_a_refusal_of_mokutil_is_told(box: Sandbox, tmp_path: Path, at_root: None) -> None:
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(enroll(mokutil(tmp_path, 1), tmp_path / "mok.der")), attended(box), verifier=None)
    assert caught.value.code == "key-not-enrolled"


def test_the_script_lets_mokutil_ask(box: Sandbox, tmp_path: Path) -> None:
    step = enroll(Path("/usr/bin/mokutil"), tmp_path / "mok.der")
    script = dry_run(plan_of(step), box.machine.system(), box.context).script
    assert f"sudo /usr/bin/mokutil --import {tmp_path}/mok.der\n" in script
    assert json.dumps(str(os.getpid())) not in script


@dataclass
class Firmware:
    """Just enough of a system: the files that a test names."""

    files: dict[str, bytes]

    def look(self, path: str) -> FileState:
        content = self.files.get(path)
        return FileState(kind="absent" if content is None else "file", content=content, mode=0o600, real_path=path)


@pytest.mark.parametrize(
    ("files", "known"),
    [
        ({}, False),
        ({"/key": b"CERT"}, False),
        ({"/key": b"CERT", ENROLLED: b"\x06\0\0\0head OTHER tail"}, False),
        ({"/key": b"CERT", ENROLLED: b"\x06\0\0\0head CERT tail"}, True),
        ({"/key": b"CERT", ENROLLED: b"OTHER", ASKED_FOR: b"\x07\0\0\0CERT"}, True),
        ({"/key": b"", ENROLLED: b"anything"}, False),
    ],
)
def test_a_key_that_the_firmware_knows_is_left_alone(files: dict[str, bytes], known: bool) -> None:
    system: Any = Firmware(files)
    step = enroll(Path("mokutil"), Path("/key"))
    prepared = prepare_key(step, system)
    assert isinstance(prepared.change, NoChange) is known
    left = revert_key(step, SystemChange(undo_commands=step.undo_commands), system)
    assert (left is not None and left.diff == ("mokutil --revoke-import /key",)) is known
