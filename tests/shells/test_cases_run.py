"""The cases about runs (SC150 to SC163), through the command line."""

from __future__ import annotations

import signal
import stat
import subprocess
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, TORCHUP, Account
from support.terminal import ENTER, TerminalSession
from support.tools import require


def test_sc150_two_at_once(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    arguments = ["shell", "apply", "--yes", "--shell", "bash", "--cuda-home", str(account.cuda)]
    environ = {"HOME": str(account.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    runs = [
        subprocess.Popen([TORCHUP, *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ends = [run.communicate(timeout=120)[1].decode() for run in runs]
    assert account.read(".bashrc").count(b"sha256:") == 1
    for run, said in zip(runs, ends, strict=True):
        assert run.returncode == 0 or "another-run" in said or "file-changed" in said


def on_a_terminal(account: Account, *arguments: str) -> TerminalSession:
    environ = {"HOME": str(account.home), "SHELL": "/bin/bash"}
    argv = [str(TORCHUP), "--plain", "shell", "apply", "--cuda-home", str(account.cuda), *arguments]
    return TerminalSession(argv, environ=environ, folder=account.home, columns=100, rows=50)


def test_sc151_changed_while_the_question_stands(account: Account) -> None:
    """On a terminal there is a new review, and the second answer counts."""
    account.give({".bashrc": "x=1\n", ".profile": "y=1\n"})
    with on_a_terminal(account, "--shell", "bash") as terminal:
        terminal.expect_text("Write these files?")
        (account.home / ".bashrc").write_text("x=1\nsaved=meanwhile\n")
        terminal.send("1", ENTER)
        terminal.expect_text("has changed since the plan was made")
        assert BLOCK.search(account.read(".bashrc")) is None
        terminal.expect(lambda: terminal.text.count("Write these files?") > 1, "the new review")
        terminal.send("1", ENTER)
        assert terminal.finish() == 0
    assert account.read(".bashrc").startswith(b"x=1\nsaved=meanwhile\n# >>> torchup")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sc159_a_signal_while_the_question_stands(number: signal.Signals, account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    with on_a_terminal(account, "--shell", "bash") as terminal:
        terminal.expect_text("Write these files?")
        terminal.signal(number)
        assert terminal.finish() in (129, 143)
        assert terminal.is_sane()
    assert account.read(".bashrc") == b"x=1\n"


@pytest.mark.parametrize("shells", [("bash",), ("bash", "zsh", "fish", "tcsh")])
def test_sc153_dry_run(shells: tuple[str, ...], account: Account) -> None:
    account.give({".bashrc": "x=1"})
    before = sorted(account.home.rglob("*"))
    ran = account.shell("apply", *shells, dry_run=True)
    assert ran.status == 0
    assert ran.out.count("+++ ") >= 3
    assert "--- /dev/null\n+++ " in ran.out
    assert "\\ No newline at end of file" in ran.out
    assert sorted(account.home.rglob("*")) == before
    assert account.shell("apply", *shells, dry_run=True, exit_code=True).status == 10
    account.apply(*shells)
    ran = account.shell("apply", *shells, dry_run=True, exit_code=True)
    assert ran.status == 0
    assert "nothing would change" in ran.all
    shown = account.shell("remove", dry_run=True)
    assert "-# <<< torchup <<<" in shown.out
    assert BLOCK.search(account.read(".bashrc"))


def test_the_shown_diff_is_what_apply_does(account: Account) -> None:
    require("patch")
    account.give({".bashrc": "a\r\nb=\xe9\nlast", ".profile": "y=1\n"})
    (account.home / ".bashrc").write_bytes(b"a=1\r\n# caf\xe9\nlast=1")
    shown = account.shell("show", "bash", json=True)
    copy = account.home.parent / "copy"
    copy.write_bytes(account.read(".bashrc"))
    lines = shown.data["changes"][str(account.home / ".bashrc")]
    patch = "\n".join(["--- copy", "+++ copy", *lines[2:], ""]).encode("utf-8", "surrogateescape")
    subprocess.run(["patch", "-s", "--binary", str(copy)], input=patch, check=True)
    account.apply("bash")
    assert copy.read_bytes() == account.read(".bashrc")


@pytest.mark.parametrize("stdin", [None, b"\n\n\n", b"y\ny\n1\n"])
def test_sc156_sc157_no_terminal(stdin: bytes | None, account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    before = sorted(account.home.rglob("*"))
    ran = account.torchup("shell", "apply", "--shell", "bash", "--cuda-home", str(account.cuda), stdin=stdin)
    assert ran.status == 6
    (line,) = [line for line in ran.err.splitlines() if line.startswith("error[")]
    assert "--answers" in line
    assert "--yes" in line
    assert sorted(account.home.rglob("*")) == before


def test_sc161_an_ascii_locale(account: Account, tmp_path: Path) -> None:
    from support.shell_cases import toolkit

    place = toolkit(tmp_path / "ünï", "13.0")
    account.give({".bashrc": b"# caf\xe9 \xc3\xa9\n"})
    ran = account.apply("bash", cuda=place, environ={"LC_ALL": "C", "LANG": None, "PYTHONIOENCODING": "ascii"})
    assert ran.status == 0, ran.all
    first = (account.home / ".config/torchup/env.sh").read_bytes()
    account.remove()
    account.apply("bash", cuda=place)
    assert (account.home / ".config/torchup/env.sh").read_bytes() == first
    assert "ünï".encode() in first


@pytest.mark.parametrize("mask", ["077", "000"])
def test_sc162_umask(mask: str, account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    (account.home / ".bashrc").chmod(0o600)
    account.prefix = ("sh", "-c", f'umask {mask}; exec "$@"', "sh")
    account.apply("bash")
    assert stat.S_IMODE((account.home / ".bashrc").stat().st_mode) == 0o600
    for path in [account.home / ".config/torchup/env.sh", account.home / ".config/torchup"]:
        assert not path.stat().st_mode & 0o022, path
    assert not (account.home / ".profile").stat().st_mode & 0o022


def test_sc163_an_environment_that_lies(account: Account) -> None:
    evil = account.home.parent / "evil.sh"
    ran_file = account.home.parent / "ran"
    evil.write_text(f"touch {ran_file}\n")
    account.give({".bashrc": "x=1\n", ".zshenv": "z=1\n"})
    environ = {
        "BASH_ENV": str(evil),
        "ENV": str(evil),
        "PROMPT_COMMAND": f"touch {ran_file}",
        "BASH_FUNC_printenv%%": f"() {{ touch {ran_file}; }}",
    }
    for shells in (("bash", "dash"), ("bash", "zsh", "ksh", "dash")):
        assert account.apply(*shells, environ=environ).status == 0
    account.shell("check", "bash", "dash", environ=environ)
    assert not ran_file.exists()


def test_no_rc_prints_the_lines_and_edits_nothing(account: Account) -> None:
    account.give({".bashrc": "x=1\n"})
    ran = account.apply("bash", "fish", no_rc=True, json=True)
    assert ran.status == 0
    env_file = account.home / ".config/torchup/env.sh"
    assert env_file.exists()
    lines = {item["path"]: item["lines"] for item in ran.data["by_hand"]}
    assert lines[str(account.home / ".bashrc")] == [f"if [ -r '{env_file}' ]; then \\builtin . '{env_file}'; fi"]
    assert account.read(".bashrc") == b"x=1\n"
    assert not (account.home / ".config/fish").exists()
    (account.home / ".bashrc").write_text("\n".join(["x=1", *lines[str(account.home / ".bashrc")], ""]))
    assert account.cuda_home("bash", "interactive") == str(account.cuda)


def test_below_another_root_the_block_names_the_file_as_a_shell_there_sees_it(account: Account, tmp_path: Path) -> None:
    account.give({".bashrc": "x=1\n"})
    image = tmp_path / "image"
    ran = account.apply("bash", "fish", root=image)
    assert ran.status == 0, ran.all
    assert account.read(".bashrc") == b"x=1\n"
    below = image / account.home.relative_to("/")
    for name in (".bashrc", ".config/fish/conf.d/torchup.fish"):
        assert f"'{account.home}/.config/torchup/env." in (below / name).read_text()
        assert str(image) not in (below / name).read_text()
    assert (below / ".config/torchup/env.sh").exists()
