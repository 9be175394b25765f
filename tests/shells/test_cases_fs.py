"""The cases about links, kinds of files, modes and owners (SC060 to SC076, SC160), through the command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, Account, is_root
from support.tools import require


def test_sc060_a_link_into_a_repository(account: Account) -> None:
    require("zsh")
    account.give({"git/dotfiles/.zshrc": "x=1\n", ".zshrc": "-> git/dotfiles/.zshrc"})
    target = account.home / "git/dotfiles/.zshrc"
    target.chmod(0o640)
    shown = account.shell("show", "zsh")
    assert f"the edit goes to {target}" in shown.all
    assert account.apply("zsh").status == 0
    assert str((account.home / ".zshrc").readlink()) == "git/dotfiles/.zshrc"
    assert BLOCK.search(target.read_bytes())
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    account.remove()
    assert target.read_bytes() == b"x=1\n"


@pytest.mark.parametrize("shells", [("bash",), ("zsh",)])
def test_sc062_a_dangling_link(shells: tuple[str, ...], account: Account) -> None:
    require(shells[0])
    name = f".{shells[0]}rc"
    account.give({name: f"-> nowhere/{name}"})
    ran = account.apply(*shells)
    # bash has another file, for login shells, which is done; zsh has no other.
    assert ran.status == (4 if shells == ("bash",) else 6)
    assert (account.home / name).is_symlink()
    assert not (account.home / "nowhere").exists()
    assert "Create the file that it leads to, or remove the link." in ran.all
    assert "if [ -r '" in ran.all
    if shells == ("bash",):
        assert BLOCK.search(account.read(".profile"))
        assert account.cuda_home("bash", "login") == str(account.cuda)
    else:
        assert not (account.home / ".config").exists()


def test_sc062_all_or_nothing(account: Account) -> None:
    account.give({".bashrc": "-> nowhere/bashrc", ".profile": "x=1\n"})
    before = account.files()
    ran = account.apply("bash", all_or_nothing=True)
    assert ran.status == 1
    assert "error[not-every-file]" in ran.err
    assert account.files() == before


def test_sc064_a_folder(account: Account) -> None:
    (account.home / ".profile").mkdir()
    ran = account.apply("bash")
    assert ran.status == 4
    assert f"{account.home}/.profile gets no block: it is a folder" in ran.all
    assert BLOCK.search(account.read(".bashrc"))
    assert list((account.home / ".profile").iterdir()) == []


@pytest.mark.parametrize("kind", ["link to /dev/null", "pipe"])
def test_sc065_opted_out(kind: str, account: Account) -> None:
    account.give({".profile": "x=1\n"})
    if kind == "pipe":
        os.mkfifo(account.home / ".bashrc")
    else:
        (account.home / ".bashrc").symlink_to("/dev/null")
    ran = account.apply("bash")
    assert ran.status == 0
    assert "so you seem to want none in it" in ran.all
    assert BLOCK.search(account.read(".profile"))
    assert account.remove().status == 0
    assert account.read(".profile") == b"x=1\n"
    assert os.path.lexists(account.home / ".bashrc")


def test_a_loop_of_links_is_explained(account: Account) -> None:
    account.give({".bashrc": "-> .loop", ".loop": "-> .bashrc", ".profile": "x=1\n"})
    ran = account.apply("bash")
    assert ran.status == 4
    assert ".bashrc gets no block" in ran.all


@pytest.mark.skipif(not is_root(), reason="only root can give a file to another group")
def test_sc068_mode_and_group(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    (account.home / ".bashrc").chmod(0o664)
    os.chown(account.home / ".bashrc", 0, 50)
    account.apply("bash")  # the invariants compare mode, owner and group
    status = (account.home / ".bashrc").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o664, 50)


@pytest.mark.skipif(not is_root(), reason="only root can give a file to root")
def test_sc069_a_file_of_root_in_a_users_home(plain_user: Account) -> None:
    plain_user.give({".bashrc": "x=1\n", ".profile": "y=1\n"})
    os.chown(plain_user.home / ".profile", 12345, 12345)
    ran = plain_user.apply("bash")
    assert ran.status == 4
    assert plain_user.read(".bashrc") == b"x=1\n"
    assert f"`sudo chown 12345:12345 {plain_user.home}/.bashrc` and `chmod u+rw {plain_user.home}/.bashrc`" in ran.all
    assert BLOCK.search(plain_user.read(".profile"))


def test_sc070_a_second_name(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    (account.home / "backup").mkdir()
    other = account.home / "backup/bashrc"
    other.hardlink_to(account.home / ".bashrc")
    account.apply("bash")
    assert other.samefile(account.home / ".bashrc")
    assert BLOCK.search(other.read_bytes())
    account.remove()
    assert other.read_bytes() == b"x=1\n"
    assert other.samefile(account.home / ".bashrc")


def test_sc076_extended_attributes(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    try:
        os.setxattr(account.home / ".bashrc", "user.test", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    account.apply("bash")
    assert os.getxattr(account.home / ".bashrc", "user.test") == b"1"


def test_sc160_one_of_three_cannot_be_written(plain_user: Account) -> None:
    require("zsh")
    account = plain_user
    account.give({".bashrc": "x=1\n", ".zshrc": "x=1\n", ".profile": "x=1\n"})
    (account.home / ".zshrc").chmod(0o444)
    if is_root():
        for name in (".bashrc", ".zshrc", ".profile"):
            os.chown(account.home / name, 12345, 12345)
    nothing = account.apply("bash", "zsh", all_or_nothing=True)
    assert nothing.status == 1
    assert account.read(".bashrc") == account.read(".profile") == b"x=1\n"
    ran = account.apply("bash", "zsh")
    assert ran.status == 4
    assert BLOCK.search(account.read(".bashrc"))
    assert BLOCK.search(account.read(".profile"))
    assert account.read(".zshrc") == b"x=1\n"
    assert f"{account.home}/.zshrc is read-only (mode 0444)" in ran.all
    assert f"To add to {account.home}/.zshrc yourself" in ran.all


@pytest.mark.skipif(not is_root(), reason="only root can make a file immutable")
def test_a_file_that_turns_out_not_to_be_writable(account: Account) -> None:
    """Nothing about the file tells beforehand: the write itself fails, and the other files are done."""
    import subprocess

    require("chattr")
    account.give({".bashrc": "x=1\n", ".profile": "x=1\n"})
    if subprocess.run(["chattr", "+i", account.home / ".bashrc"], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        ran = account.apply("bash")
        assert ran.status == 4
        assert account.read(".bashrc") == b"x=1\n"
        assert BLOCK.search(account.read(".profile"))
        assert account.apply("bash", all_or_nothing=True).status == 1
    finally:
        subprocess.run(["chattr", "-i", account.home / ".bashrc"], check=True)


def test_dry_run_in_a_home_that_cannot_be_written(plain_user: Account) -> None:
    """SC153 for a person without write permission."""
    plain_user.give({".bashrc": "x=1\n"})
    plain_user.home.chmod(0o555)
    if is_root():
        os.chown(plain_user.home / ".bashrc", 12345, 12345)
    before = sorted(Path(plain_user.home).rglob("*"))
    ran = plain_user.shell("apply", "bash", dry_run=True)
    assert ran.status == 0
    assert f"+++ {plain_user.home}/.bashrc" in ran.out
    assert sorted(Path(plain_user.home).rglob("*")) == before
    plain_user.home.chmod(0o755)
