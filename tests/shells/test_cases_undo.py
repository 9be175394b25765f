"""The cases about running again and taking out (SC040 to SC055, SC165), through the command line."""

from __future__ import annotations

import json

import pytest

from support.shell_cases import BLOCK, Account, toolkit
from support.tools import require


def test_sc040_twice(account: Account) -> None:
    account.give({".bashrc": "x=1\n", ".zshrc": "y=1\n"})
    account.apply()
    before, journals = account.stamps(), account.journal()
    ran = account.apply()
    assert ran.status == 0
    assert "Nothing to do." in ran.all
    assert account.stamps() == before
    assert account.journal() == journals


def test_sc041_another_toolkit(account: Account) -> None:
    require("bash")
    old = toolkit(account.home.parent / "cuda-12.8", "12.8")
    account.give({".bashrc": "x=1\n"})
    account.apply("bash", cuda=old)
    rc = account.read(".bashrc")
    inherited = account.start("bash", "interactive").variables or {}
    ran = account.apply("bash", json=True)
    assert ran.data["changed"] == [str(account.home / ".config/torchup/env.sh")]
    assert account.read(".bashrc") == rc
    values = {name: value.decode() for name, value in inherited.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    values |= {name: value.decode() for name, value in inherited.items() if name.startswith("TORCHUP_")}
    for extra in ({}, values):
        reading = account.start("bash", "interactive", **extra)
        assert reading.get("CUDA_HOME") == str(account.cuda)
        assert (reading.get("PATH") or "").split(":")[0] == f"{account.cuda}/bin"
        assert "12.8" not in f"{reading.get('PATH')}{reading.get('LD_LIBRARY_PATH')}"


@pytest.mark.parametrize("shells", [("bash",), ("bash", "zsh", "fish", "tcsh", "ksh", "dash")])
def test_sc042_remove_leaves_nothing(shells: tuple[str, ...], account: Account) -> None:
    for shell in shells:
        require(shell)
    account.give({".bashrc": "x=1", ".zshrc": "", ".tcshrc": "set x = 1\n", ".config/fish/config.fish": "set -g x 1\n"})
    (account.home / ".bashrc").chmod(0o640)
    before = account.files()
    folders = {path for path in account.home.rglob("*") if path.is_dir()}
    account.apply(*shells)
    assert account.files() != before
    assert account.remove().status == 0
    assert account.files() == before
    left = {path for path in account.home.rglob("*") if path.is_dir() and ".local" not in path.parts}
    assert left == folders


def test_sc043_sc044_a_file_that_we_made(account: Account) -> None:
    require("zsh")
    account.apply("zsh")
    assert account.cuda_home("zsh", "interactive") == str(account.cuda)
    account.remove("zsh")
    assert not (account.home / ".zshrc").exists()
    account.apply("zsh")
    with (account.home / ".zshrc").open("a") as file:
        file.write("alias ll='ls -l'\n")
    account.remove("zsh")
    assert account.read(".zshrc") == b"alias ll='ls -l'\n"


@pytest.mark.parametrize("verb", ["apply", "remove"])
def test_sc046_an_edit_inside_the_block(verb: str, account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    account.apply("bash")
    edited = account.read(".bashrc").replace(b"# <<< torchup", b"export X=1\n# <<< torchup")
    (account.home / ".bashrc").write_bytes(edited)
    ran = account.shell(verb, "bash", yes=True)
    assert ran.status == 6
    assert account.read(".bashrc") == edited
    assert "+export X=1" in ran.err
    assert account.remove().status == 6, "nor without a name"
    assert account.read(".bashrc") == edited


@pytest.mark.parametrize(
    ("case", "content", "line"),
    [
        ("SC047", b"# >>> torchup >>>\nold\nexport B=1\n", "line 1"),
        ("SC048", b"old\n# <<< torchup <<<\nexport B=1\n", "line 2"),
        ("SC050", b"# >>> torchup >>>\n# >>> torchup >>>\nx\n# <<< torchup <<<\n# <<< torchup <<<\n", "line 2"),
    ],
)
def test_broken_markers_are_refused(case: str, content: bytes, line: str, account: Account) -> None:
    account.give({".bashrc": content})
    before = account.files()
    ran = account.apply("bash")
    assert ran.status == 6, case
    assert line in ran.all
    assert account.files() == before


def test_two_blocks_are_refused(account: Account) -> None:
    account.give({".bashrc": ""})
    account.apply("bash")
    twice = account.read(".bashrc") * 2
    (account.home / ".bashrc").write_bytes(twice)
    assert account.apply("bash").status == 6
    assert account.read(".bashrc") == twice


@pytest.mark.parametrize("how", ['source "$HOME/.config/zsh/cuda.zsh"', "for f in ~/.config/zsh/*.zsh; do . $f; done"])
def test_sc052_the_block_was_moved(how: str, account: Account) -> None:
    require("zsh")
    account.give({".zshrc": "x=1\n"})
    account.apply("zsh")
    match = BLOCK.search(account.read(".zshrc"))
    assert match is not None
    account.give({".config/zsh/cuda.zsh": match[0], ".zshrc": f"x=1\n{how}\n"})
    before = account.files()
    ran = account.apply("zsh")
    assert ran.status == 0
    assert account.files() == before
    assert "new zsh shells have the settings already" in ran.all
    if how.startswith("source"):
        assert f"{account.home}/.config/zsh/cuda.zsh:2" in ran.all
    newer = toolkit(account.home.parent / "cuda-13.2", "13.2")
    account.apply("zsh", cuda=newer)
    assert account.cuda_home("zsh", "interactive") == str(newer)


def test_sc053_nothing_to_remove(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    for _ in range(2):
        ran = account.remove()
        assert ran.status == 0
        assert "Nothing to do." in ran.all
    assert sorted(path.name for path in account.home.iterdir()) == [".bashrc"]


def test_sc055_a_block_in_crlf(account: Account) -> None:
    require("bash")
    account.invariants = False
    account.give({".bashrc": "x=1\n"})
    account.apply("bash")
    converted = account.read(".bashrc").replace(b"\n", b"\r\n")
    (account.home / ".bashrc").write_bytes(converted)
    assert b"\r\n" in account.read(".bashrc")
    ran = account.apply("bash")
    assert account.read(".bashrc").count(b"sha256:") == 1
    assert "CRLF" in ran.all
    account.remove("bash")
    assert account.read(".bashrc") == b"x=1\r\n"


def test_a_file_of_another_scope_or_name_is_found(account: Account) -> None:
    require("zsh")
    account.give({".zshenv": "z=1\n", ".private": "p=1\n"})
    before = account.files()
    account.apply("zsh", scope="all")
    account.apply("bash", rc=account.home / ".private")
    assert BLOCK.search(account.read(".zshenv"))
    assert BLOCK.search(account.read(".private"))
    account.remove()
    assert account.files() == before


def test_sc165_the_journal_of_an_earlier_release(account: Account) -> None:
    account.give({".bashrc": "x=1"})
    account.apply("bash")
    (journal,) = account.journal()
    head, *rest = journal.read_text().splitlines(keepends=True)
    record = json.loads(head)
    record["plan"]["tool_version"] = "0.0.1"
    for unknown_then in ("left_out", "shells", "warnings"):
        del record["plan"][unknown_then]
    journal.write_text(json.dumps(record) + "\n" + "".join(rest))
    assert account.remove().status == 0
    assert account.read(".bashrc") == b"x=1"
    assert not (account.home / ".profile").exists()


def test_a_change_that_breaks_the_shell_is_put_back(account: Account) -> None:
    """A read-only variable of ours would stop bash in our env file: an edit that new shells complain about."""
    require("bash")
    account.give({".bashrc": "readonly _torchup_kept=x\n"})
    before = account.files()
    ran = account.apply("bash")
    assert ran.status == 1
    assert "error[shells-changed]" in ran.err
    assert "_torchup_kept: readonly variable" in ran.all
    assert account.files() == before
    assert not (account.home / ".config").exists()


def test_a_shell_that_was_broken_before_is_explained(account: Account) -> None:
    require("bash")
    account.give({".bashrc": "exit 3\n"})
    ran = account.apply("bash")
    assert ran.status == 4
    assert BLOCK.search(account.read(".bashrc"))
    assert ".bashrc:1: `exit` here can end the reading" in ran.all
