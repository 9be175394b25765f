"""The cases about the bytes of start-up files (SC001 to SC016), through the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, Account
from support.tools import require

STOCK = b"case $- in\n    *i*) ;;\n      *) return;;\nesac\nexport A=1\n"
READS = b'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n'


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_sc001_an_ordinary_file(shell: str, account: Account) -> None:
    require(shell)
    account.give({f".{shell}rc": "alias ll='ls -l'\n"})
    ran = account.apply(shell)
    assert ran.status == 0
    content = account.read(f".{shell}rc")
    assert content.startswith(b"alias ll='ls -l'\n# >>> torchup 1 ")
    assert BLOCK.search(content) is not None
    parsed = subprocess.run([shell, "-n", str(account.home / f".{shell}rc")], capture_output=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, b"")
    assert f".{shell}rc gets the torchup block (lines 2 to 4); as it was: " in ran.out
    backup = ran.out.split("as it was: ")[1].split()[0]
    assert Path(backup).read_bytes() == b"alias ll='ls -l'\n"
    assert account.cuda_home(shell, "interactive") == str(account.cuda)


@pytest.mark.parametrize(
    ("case", "content"),
    [
        ("SC003", b"export SOMETHING=x"),
        ("SC004", b"export A=1\n\n\n\n"),
        ("SC005", b"alias ll='ls -l'\r\nexport A=1\r\n"),
        ("SC008", b"# caf\xe9\nalias x=y\n"),
        ("SC011", b"echo hi \\\n"),
        ("a byte order mark", b"\xef\xbb\xbf# x\nexport A=1\n"),
        ("only a newline", b"\n"),
        ("empty", b""),
        ("CR alone at the end", b"export A=1\r"),
        ("a comment with a backslash at the end", b"# x \\"),
    ],
)
def test_bytes_come_back_and_the_variables_are_there(case: str, content: bytes, account: Account) -> None:
    require("bash")
    account.give({".bashrc": content, ".profile": READS})
    ran = account.apply("bash")
    assert ran.status == 0, case
    assert account.cuda_home("bash", "interactive") == str(account.cuda)
    assert without_ours(account.read(".bashrc")).startswith(content.rstrip(b"\n"))
    if case == "SC003":
        assert account.start("bash", "interactive").get("SOMETHING") == "x"
    if case == "SC005":
        assert "carry a carriage return" in ran.all
        assert b"\r" not in (BLOCK.search(account.read(".bashrc")) or [b""])[0]
    if case == "SC011":
        shown = subprocess.run(
            ["bash", "-i", "-c", ":"],
            env={"HOME": str(account.home), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            check=False,
        )
        assert shown.stdout == b"hi\n"
    assert account.remove("bash").status == 0
    assert account.read(".bashrc") == content
    assert account.read(".profile") == READS


def without_ours(content: bytes) -> bytes:
    return BLOCK.sub(b"", content)


def test_sc007_mixed_line_ends_in_zsh(account: Account) -> None:
    require("zsh")
    content = b'a=1\r\nb=2\nc="x\ry"\n'
    account.give({".zshrc": content})
    assert account.apply("zsh").status == 0
    assert account.read(".zshrc").startswith(content)
    assert account.cuda_home("zsh", "interactive") == str(account.cuda)
    account.remove()
    assert account.read(".zshrc") == content


@pytest.mark.parametrize(
    ("shell", "name", "content", "words"),
    [
        ("bash", ".bashrc", b"cat >/dev/null <<EOF\nhello\n", "line 1: the here-document that should end at EOF"),
        ("bash", ".bashrc", b"alias x='y\nexport B=1\n", "unexpected EOF"),
        ("bash", ".bashrc", b"if true; then\n", "syntax error"),
        ("zsh", ".zshrc", b"alias x='y\nexport B=1\n", "unmatched"),
        ("zsh", ".zshrc", b"cat >/dev/null <<EOF\nhello\n", "never ends"),
        ("dash", ".profile", b"cat >/dev/null <<EOF\nhello\n", "never ends"),
    ],
    ids=["SC012", "SC014", "SC014-if", "SC014-zsh", "SC012-zsh", "SC012-dash"],
)
def test_an_unreadable_file_is_refused(shell: str, name: str, content: bytes, words: str, account: Account) -> None:
    require(shell)
    account.give({name: content})
    before = account.files()
    ran = account.apply(shell)
    assert ran.status == 6
    assert account.files() == before
    assert words in ran.all
    assert "if [ -r '" in ran.all, "the lines to add by hand"
    assert not (account.home / ".config").exists()


def test_sc015_an_early_return_and_ssh(account: Account) -> None:
    require("bash")
    account.give({".bashrc": STOCK, ".profile": READS})
    shown = account.shell("show", "bash")
    assert "`ssh host command` will not see the variables in bash" in shown.all
    assert account.apply("bash").status == 0
    assert account.read(".bashrc").startswith(STOCK)
    assert account.cuda_home("bash", "interactive") == account.cuda_home("bash", "login") == str(account.cuda)
    assert account.cuda_home("bash", "ssh") is None
    account.remove()
    assert account.read(".bashrc") == STOCK
    assert account.apply("bash", scope="all").status == 0
    assert account.read(".bashrc").startswith(b"# >>> torchup")
    assert account.cuda_home("bash", "ssh") == str(account.cuda)


def test_sc016_another_shell_takes_over(account: Account) -> None:
    require("bash")
    require("zsh")
    account.give({".bashrc": "export A=1\n[ -t 1 ] && exec zsh\n", ".profile": READS})
    ran = account.apply("bash")
    assert ran.status == 4
    assert "fail shell.bash.interactive" in ran.all
    assert "move the torchup block above that line, or set up the shell that it starts" in ran.all
    assert ".bashrc:2: `exec` here can end the reading" in ran.all
