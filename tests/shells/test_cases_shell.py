"""The cases about which file each shell reads (SC091 to SC103), through the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, Account
from support.tools import require


@pytest.mark.parametrize("zshrc", ["x=1\n", None])
def test_sc091_zdotdir_set_in_zshenv(zshrc: str | None, account: Account) -> None:
    require("zsh")
    account.give({".zshenv": "export ZDOTDIR=$HOME/.config/zsh\n"})
    (account.home / ".config/zsh").mkdir(parents=True)
    if zshrc is not None:
        account.give({".config/zsh/.zshrc": zshrc})
    shown = account.shell("show", "zsh", json=True)
    assert [file["create"] for file in shown.data["files"]] == [zshrc is None]
    assert account.apply("zsh").status == 0
    assert not (account.home / ".zshrc").exists()
    assert BLOCK.search(account.read(".config/zsh/.zshrc"))
    assert account.cuda_home("zsh", "interactive") == str(account.cuda)
    account.remove()
    assert (account.home / ".config/zsh/.zshrc").exists() == (zshrc is not None)


def test_sc092_fish(account: Account) -> None:
    require("fish")
    account.give({".config/fish/config.fish": "set -g x 1\n"})
    assert account.apply("fish").status == 0
    assert account.read(".config/fish/config.fish") == b"set -g x 1\n"
    for mode in ("script", "interactive", "login"):
        assert account.cuda_home("fish", mode) == str(account.cuda)
    for stored in account.home.rglob("fish_variables"):
        assert str(account.cuda) not in stored.read_text()
    account.remove()
    assert not (account.home / ".config/fish/conf.d").exists()


def test_sc094_dash_without_the_env_file(account: Account) -> None:
    require("dash")
    account.give({".profile": "export A=1\n"})
    account.apply("dash")
    (account.home / ".config/torchup/env.sh").unlink()
    with (account.home / ".profile").open("a") as file:
        file.write("export B=2\n")
    reading = account.start("dash", "login")
    assert (reading.get("B"), "torchup" in reading.complaint) == ("2", False)


def test_sc096_tcsh_gets_csh(account: Account) -> None:
    require("tcsh")
    account.give({".tcshrc": "set x = 1\n"})
    assert account.apply("tcsh").status == 0
    match = BLOCK.search(account.read(".tcshrc"))
    assert match is not None
    assert not [word for word in (b"2>", b"$(", b"export") if word in match[0]]
    assert not (account.home / ".cshrc").exists()
    done = subprocess.run(
        ["tcsh", "-c", "printenv CUDA_HOME"],
        env={"HOME": str(account.home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{account.cuda}\n", "")


def test_a_cshrc_is_not_hidden(account: Account) -> None:
    require("tcsh")
    account.give({".cshrc": "setenv MINE yes\n"})
    assert account.apply("tcsh").status == 0
    assert not (account.home / ".tcshrc").exists()
    assert account.start("tcsh", "script").get("MINE") == "yes"


def test_sc097_profile_only(account: Account) -> None:
    require("bash")
    account.give({".profile": "PATH=$HOME/bin:$PATH\n", ".bashrc": "alias a=b\n"})
    assert account.apply("bash").status == 0
    assert not (account.home / ".bash_profile").exists()
    assert not (account.home / ".bash_login").exists()
    path = (account.start("bash", "login").get("PATH") or "").split(":")
    assert path[:2] == [f"{account.cuda}/bin", f"{account.home}/bin"]


@pytest.mark.parametrize(
    ("case", "files"),
    [
        ("SC098", {".bash_profile": "export A=1\n", ".bashrc": "alias a=b\n"}),
        ("SC099", {".profile": '. "$HOME/.bashrc"\n. "$HOME/.bashrc"\n', ".bashrc": ""}),
        ("both blocks read", {".bash_profile": "f=$HOME/.bash''rc; . $f\n", ".bashrc": ""}),
    ],
)
def test_login_and_interactive_once_each(case: str, files: dict[str, str], account: Account) -> None:
    require("bash")
    account.give(files)
    assert account.apply("bash").status == 0, case
    for mode in ("login", "interactive"):
        reading = account.start("bash", mode)
        assert reading.get("CUDA_HOME") == str(account.cuda)
        assert (reading.get("PATH") or "").split(":").count(f"{account.cuda}/bin") == 1


def test_sc102_powershell_names_its_profile(account: Account) -> None:
    """PowerShell cannot be installed here: a stand-in answers the question, and the rest is real."""
    folder = account.home.parent / "bin"
    folder.mkdir()
    profile = account.home / "odd place/profile.ps1"
    pwsh = folder / "pwsh"
    pwsh.write_text(f"#!/bin/sh\ncase \"$*\" in *CurrentUserAllHosts*) printf %s '{profile}' ;; *) exit 1 ;; esac\n")
    pwsh.chmod(0o755)
    environ = {"PATH": f"{folder}:/usr/bin:/bin"}
    ran = account.apply("powershell", environ=environ)
    assert BLOCK.search(profile.read_bytes())
    assert b". '" in profile.read_bytes()
    assert (account.home / ".config/torchup/env.ps1").exists()
    assert ran.status == 4, "the stand-in runs no command, so the check cannot pass"
    before = account.stamps()
    account.apply("powershell", environ=environ)
    assert account.stamps() == before
    account.remove("powershell", environ=environ)
    assert not profile.exists()


@pytest.mark.parametrize("shell", ["elvish", "xonsh"])
def test_sc103_unknown_shells(shell: str, account: Account) -> None:
    ran = account.apply(shell)
    assert ran.status == 4
    assert f"CUDA_HOME={account.cuda}" in ran.out
    assert f"PATH={account.cuda}/bin" in ran.out
    assert "for you to set (in " in ran.all
    assert [path.name for path in account.home.iterdir()] == []
    both = account.apply(shell, "bash")
    assert both.status == 0
    assert f"CUDA_HOME={account.cuda}" in both.out


def test_sc103_ksh_is_known(account: Account) -> None:
    require("ksh")
    account.give({".kshrc": "k=1\n"})
    assert account.apply("ksh").status == 0
    assert account.cuda_home("ksh", "login") == str(account.cuda)


def test_sc155_a_file_that_the_person_names(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    for name, there in ((".privateShell", True), ("not yet/rc.sh", False)):
        if there:
            account.give({name: "p=1\n"})
        place = account.home / name
        ran = account.apply("bash", rc=place)
        assert ran.status == 0, ran.all
        assert BLOCK.search(place.read_bytes())
        assert account.read(".bashrc") == b"x=1\n"
        account.remove("bash", rc=place)
        assert place.exists() == there
    assert not Path(account.home / ".profile").exists()
