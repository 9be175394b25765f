"""The cases about users, homes and login shells (SC080 to SC087), through the command line."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, Account, is_root
from support.tools import require

needs_root = pytest.mark.skipif(not is_root(), reason="only root can act for another user")


def with_account(account: Account, name: str, uid: int, shell: str) -> Account:
    """Let the account database name one more user, in a mount namespace that ends with the run."""
    require("unshare")
    passwd = account.home.parent / "passwd"
    text = Path("/etc/passwd").read_text()
    passwd.write_text(f"{text}{name}:x:{uid}:{uid}::{account.home}:{shell}\n")
    script = 'mount --bind "$1" /etc/passwd || exit 77; shift; exec "$@"'
    account.prefix = ("unshare", "-m", "sh", "-c", script, "sh", str(passwd))
    probe = subprocess.run([*account.prefix, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("a mount namespace cannot be made here")
    return account


@needs_root
def test_sc080_sudo_with_the_home_of_another_user(plain_user: Account) -> None:
    account = with_account(plain_user, "ann", 12345, "/bin/bash")
    account.give({".bashrc": "x=1\n"})
    os.chown(account.home / ".bashrc", 12345, 12345)
    ran = account.apply(environ={"SUDO_USER": "ann"})
    assert ran.status == 6
    assert "error[foreign-home]" in ran.err
    assert (
        f"HOME is {account.home}, which belongs to ann, and this is root, whose home is {pwd.getpwuid(0).pw_dir}"
        in (ran.all)
    )
    assert account.read(".bashrc") == b"x=1\n"
    mine = set(Path(pwd.getpwuid(0).pw_dir).glob(".*rc*"))
    ran = account.apply(for_user="ann", environ={"SUDO_USER": "ann", "HOME": "/root", "XDG_CONFIG_HOME": "/root/x"})
    assert ran.status == 0, ran.all
    assert BLOCK.search(account.read(".bashrc"))
    for path in account.home.rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (12345, 12345), path
    assert set(Path(pwd.getpwuid(0).pw_dir).glob(".*rc*")) == mine
    assert account.remove(for_user="ann").status == 0
    assert account.read(".bashrc") == b"x=1\n"


@needs_root
def test_for_user_names_somebody_who_is_there(account: Account) -> None:
    ran = account.apply(for_user="nobody-of-that-name")
    assert (ran.status, "error[no-such-user]" in ran.err) == (2, True)


@needs_root
def test_only_root_acts_for_others(plain_user: Account) -> None:
    ran = plain_user.apply(for_user="daemon")
    assert (ran.status, "error[not-root]" in ran.err) == (6, True)


@needs_root
def test_sc082_su_without_a_dash(plain_user: Account) -> None:
    os.chown(plain_user.home, 54321, 54321)
    plain_user.home.chmod(0o777)
    ran = plain_user.apply("bash")
    assert ran.status == 6
    assert f"HOME is {plain_user.home}, which belongs to uid 54321, and this is uid 12345" in ran.all
    assert list(plain_user.home.iterdir()) == []


@pytest.mark.parametrize("home", [None, ""])
def test_sc083_no_home(home: str | None, account: Account) -> None:
    own = pwd.getpwuid(os.getuid()).pw_dir
    ran = account.torchup("shell", "show", "--shell", "bash", "--cuda-home", str(account.cuda), HOME=home)
    assert ran.status == 0
    assert f"+++ {own}/.config/torchup/env.sh" in ran.out or f"{own}/.bashrc" in ran.out
    assert "+++ /.bashrc" not in ran.out
    assert list(account.home.iterdir()) == []


def test_sc083_a_home_that_is_no_absolute_path(account: Account) -> None:
    ran = account.torchup("shell", "apply", "--yes", "--cuda-home", str(account.cuda), HOME="here")
    assert (ran.status, "error[home-not-absolute]" in ran.err) == (6, True)
    assert list(account.home.iterdir()) == []


def test_sc084_a_space_in_home(tmp_path: Path) -> None:
    shells = ("bash", "zsh", "fish", "tcsh", "ksh", "dash")
    for shell in shells:
        require(shell)
    account = Account(tmp_path / "dave may")
    ran = account.apply(*shells, scope="all")
    assert ran.status == 0, ran.all
    for shell in shells:
        for mode in ("login", "interactive") if shell not in ("ksh", "dash") else ("login",):
            assert account.cuda_home(shell, mode) == str(account.cuda), (shell, mode)
    account.remove()
    # fish makes the folder of its configuration whenever it starts.
    left = [path for path in account.home.rglob("*") if path.is_file() and ".local" not in path.parts]
    assert [path.name for path in left if path.name != "fish_variables"] == []


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false", "/bin/sh"])
def test_sc086_no_real_login_shell(shell: str, plain_user: Account) -> None:
    account = plain_user
    if is_root():
        account = with_account(plain_user, "svc", 12345, shell)
        account.prefix = (*account.prefix, "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")
        account.prefix += ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    else:
        pytest.skip("only root can try another login shell")
    account.give({".bashrc": "x=1\n"})
    os.chown(account.home / ".bashrc", 12345, 12345)
    ran = account.apply()
    assert ran.status == 0, ran.all
    assert account.read(".bashrc") == b"x=1\n"
    env_file = account.home / ".config/torchup/env.sh"
    assert env_file.exists()
    assert f"if [ -r '{env_file}' ]" in ran.all
    assert f"the login shell is {Path(shell).name}" in ran.all


@needs_root
def test_sc087_zsh_at_login_and_bash_now(plain_user: Account) -> None:
    require("zsh")
    account = with_account(plain_user, "zoe", 12345, shutil.which("zsh") or "/bin/zsh")
    account.prefix = (*account.prefix, "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")
    account.prefix += ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    account.give({".bashrc": "", ".zshrc": ""})
    for name in (".bashrc", ".zshrc"):
        os.chown(account.home / name, 12345, 12345)
    ran = account.apply()
    assert ran.status == 0, ran.all
    assert BLOCK.search(account.read(".bashrc"))
    assert BLOCK.search(account.read(".zshrc"))
    assert f"In this shell, now . '{account.home}/.config/torchup/env.sh'" in ran.all
