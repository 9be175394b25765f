"""Root believes nobody: another user's home, folders, environments and programs are refused by every command."""

from __future__ import annotations

import os
import pwd
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from support.command import Person
from support.command_table import READS_NO_HOME, commands, names
from support.released import lay_out
from support.sandbox import tree
from support.shell_cases import NOT_ROOT, Account
from support.tools import require

pytestmark = pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root has rights that others want")
BOB = 12345
STARTUP = (".bashrc", ".profile", ".bash_profile", ".zshenv", ".zshrc", ".cshrc", ".kshrc", ".config/fish/config.fish")


class Trap:
    """A home after a set-up by torchup 0.1.0, where every program and start-up file leaves a trace."""

    def __init__(self, folder: Path) -> None:
        self.home, _ = lay_out("0.1.0", "setup", folder)
        self.traces = folder / "traces"
        self.traces.mkdir()
        self.traces.chmod(0o777)
        for name in STARTUP:
            self.program(self.home / name, name.rpartition("/")[2])
        for name in ("python", "python3", "pip", "uv"):
            self.program(self.home / ".venvs/torch/bin" / name, name)
        for name in ("nvidia-smi", "nvcc", "conda", "git", "uv", "python3", "sudo"):
            self.program(self.home / "bin" / name, name)

    def program(self, path: Path, name: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n: >>'{self.traces}/{name}'\n")
        path.chmod(0o755)
        return path

    def belongs_to(self, uid: int) -> None:
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.traces.iterdir())

    def torchup(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        person = Person(self.home.parent / "person")
        search = f"{self.home}/bin:{person.environ['PATH']}"
        person.environ |= {"HOME": str(self.home), "PATH": search, "USER": "bob", "SHELL": "/bin/bash", **environ}
        return person.torchup(*words)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def test_the_trap_works_in_a_home_of_ones_own(trap: Trap) -> None:
    trap.belongs_to(0)
    trap.torchup("verify")
    assert {".bashrc", "python"} <= set(trap.left())


@pytest.mark.parametrize("name", names())
def test_every_command_refuses_the_home_of_another(name: str, trap: Trap) -> None:
    words = dict(commands(trap.traces.parent))[name]
    trap.belongs_to(BOB)
    before = tree(trap.home, leave_out=())
    ran = trap.torchup(*words)
    assert trap.left() == []
    assert tree(trap.home, leave_out=()) == before
    if name in READS_NO_HOME:
        assert ran.returncode == 0, ran.stderr
        return
    assert ran.returncode == 6, ran.stdout + ran.stderr
    assert "error[foreign-home]" in ran.stderr
    assert f"HOME is {trap.home}, which belongs to uid {BOB}, and this is root" in " ".join(ran.stderr.split())


def test_the_wizard_is_a_command_too(trap: Trap) -> None:
    trap.belongs_to(BOB)
    ran = trap.torchup()
    assert (ran.returncode, trap.left()) == (6, [])
    assert "error[foreign-home]" in ran.stderr


@pytest.mark.parametrize("link", ["theirs", "below-theirs"])
def test_a_link_that_another_may_turn_round(link: str, trap: Trap, tmp_path: Path) -> None:
    trap.belongs_to(0)
    folder = tmp_path / "bob"
    folder.mkdir()
    place = folder / "home" if link == "below-theirs" else tmp_path / "home-of-mine"
    place.symlink_to(trap.home)
    os.chown(folder if link == "below-theirs" else place, BOB, BOB, follow_symlinks=False)
    ran = trap.torchup("status", HOME=str(place))
    assert ran.returncode == 6, ran.stdout
    assert "error[foreign-home]" in ran.stderr
    os.chown(folder if link == "below-theirs" else place, 0, 0, follow_symlinks=False)
    assert trap.torchup("status", HOME=str(place)).returncode == 0


@pytest.mark.parametrize(
    "part", [".local/state/torchup", ".local/state/torchup/journal", ".config/torchup", ".cache/torchup", "a-journal"]
)
def test_a_folder_of_another_inside_the_own_home(part: str, trap: Trap) -> None:
    trap.belongs_to(0)
    journal = next((trap.home / ".local/state/torchup/journal").glob("*.jsonl"))
    place = journal if part == "a-journal" else trap.home / part
    if part != "a-journal":
        place.mkdir(parents=True, exist_ok=True)
    os.chown(place, BOB, BOB)
    ran = trap.torchup("status")
    assert ran.returncode == 6, ran.stdout
    assert "error[foreign-folder]" in ran.stderr
    assert f"{place} belongs to uid {BOB}, and this is root." in " ".join(ran.stderr.split())


@pytest.mark.parametrize(
    "variable", ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "ZDOTDIR"]
)
def test_a_variable_that_leads_to_another(variable: str, trap: Trap, tmp_path: Path) -> None:
    trap.belongs_to(0)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, BOB, BOB)
    ran = trap.torchup("undo", "--dry-run", **{variable: str(theirs)})
    assert ran.returncode == 6, ran.stdout
    assert "error[foreign-folder]" in ran.stderr


@pytest.mark.parametrize(
    ("part", "mode", "refused"),
    [
        (".", 0o777, True),
        (".local/state/torchup", 0o777, True),
        (".local/state/torchup/journal", 0o707, True),
        ("a-journal", 0o666, True),
        (".", 0o775, False),
        (".local/state/torchup", 0o775, False),
        ("a-journal", 0o664, False),
    ],
)
def test_what_everybody_may_write(part: str, mode: int, refused: bool, trap: Trap) -> None:
    """A group that is root's, or has one member, is nobody else: systems with umask 002 have such groups."""
    trap.belongs_to(0)
    journal = next((trap.home / ".local/state/torchup/journal").glob("*.jsonl"))
    place = journal if part == "a-journal" else trap.home / part
    place.chmod(mode)
    ran = trap.torchup("status")
    assert ("error[open-to-others]" in ran.stderr) is refused, ran.stderr
    assert ran.returncode == (6 if refused else 0)


def test_a_group_with_others_in_it(trap: Trap) -> None:
    shared = next(entry.pw_gid for entry in pwd.getpwall() if entry.pw_gid)
    trap.belongs_to(0)
    state = trap.home / ".local/state/torchup"
    os.chown(state, 0, shared)
    state.chmod(0o775)
    ran = trap.torchup("status")
    assert (ran.returncode, "error[open-to-others]" in ran.stderr) == (6, True)


@pytest.mark.parametrize("part", [".", ".local/state/torchup", "a-journal"])
@pytest.mark.parametrize(("rights", "mask", "refused"), [(7, 7, True), (7, 5, False), (5, 7, False)])
def test_whom_an_access_list_lets_write(part: str, rights: int, mask: int, refused: bool, trap: Trap) -> None:
    """The mode shows only the mask of such a list, as if it were the right of the owner's group."""
    trap.belongs_to(0)
    journal = next((trap.home / ".local/state/torchup/journal").glob("*.jsonl"))
    place = journal if part == "a-journal" else trap.home / part
    nobody = 0xFFFFFFFF
    entries = ((1, 7, nobody), (2, rights, BOB), (4, 5, nobody), (16, mask, nobody), (32, 0, nobody))
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(place, "system.posix_acl_access", listed)
    except OSError:
        pytest.skip("this file system has no access lists")
    ran = trap.torchup("status")
    assert ran.returncode == (6 if refused else 0), ran.stderr
    assert (f"may be written by uid {BOB}, whom an access list names" in " ".join(ran.stderr.split())) is refused


def test_an_environment_of_another_is_not_run(trap: Trap, tmp_path: Path) -> None:
    trap.belongs_to(0)
    for name in STARTUP:
        (trap.home / name).unlink()
    theirs = tmp_path / "venv"
    shutil.move(trap.home / ".venvs/torch", theirs)
    for path in (theirs, *theirs.rglob("*")):
        os.chown(path, BOB, BOB)
    shutil.rmtree(trap.home / "bin")
    for command in ("verify", "doctor"):
        ran = trap.torchup(command, "--python", str(theirs / "bin/python"))
        assert (ran.returncode, trap.left()) == (6, []), ran.stdout + ran.stderr
        assert "error[foreign-program]" in ran.stderr


def test_programs_of_others_are_not_looked_up(trap: Trap) -> None:
    trap.belongs_to(0)
    for path in (trap.home / "bin", *(trap.home / "bin").iterdir()):
        os.chown(path, BOB, BOB)
    for name in STARTUP:
        (trap.home / name).unlink()
    shutil.rmtree(trap.home / ".venvs")
    ran = trap.torchup("detect", "--json")
    assert (ran.returncode, trap.left()) == (0, []), ran.stderr


def test_an_ordinary_user_with_a_home_of_roots(tmp_path: Path) -> None:
    require("setpriv")
    folder = Path("/tmp") / f"torchup-{tmp_path.name}-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        account = Account(folder / "home")
        account.prefix = NOT_ROOT
        account.home.chmod(0o755)
        ran = account.torchup("status")
        assert (ran.status, "error[foreign-home]" in ran.err) == (6, True), ran.all
        # An account whose home root has lent it, as in containers: what root wrote there is to be believed.
        account.home.chmod(0o1777)
        assert account.torchup("status").status == 0
        account.home.chmod(0o777)
        assert "error[open-to-others]" in account.torchup("status").err
    finally:
        shutil.rmtree(folder)
