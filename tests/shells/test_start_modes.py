"""The block in real start-up files: every shell, every way of starting it, homes with odd names."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.shell_homes import choose, set_up
from support.tools import require
from torchup.shell.block_body import block_body
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.kinds.kind import StartMode
from torchup.shell.managed_block import insert, remove
from torchup.verify.shells import ask_zdotdir, check_startup, read_variables

SHELLS = ("bash", "zsh", "dash", "ksh", "fish", "tcsh")
STOCK_BASHRC = "case $- in\n    *i*) ;;\n      *) return;;\nesac\nexport A=1\n"
READS_BASHRC = 'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n'


@pytest.fixture(scope="module", autouse=True)
def _toolkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lay a toolkit out whose path is hard to quote."""
    root = tmp_path_factory.mktemp("toolkit") / "it's $HOME"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "nvcc").write_text("#!/bin/sh\n")
    (root / "bin" / "nvcc").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "ROOT", str(root))
        yield


ROOT = ""


def toolkit() -> ShellEnvironment:
    return ShellEnvironment(
        cuda_home=ROOT,
        bin_dirs=(f"{ROOT}/bin",),
        library_dirs=(f"{ROOT}/lib64",),
        environment="/home/ann/.venvs/torch",
    )


def statuses(home: Path, *shells: str, scope: str = "interactive") -> dict[str, str]:
    files = set_up(home, choose(home, *shells, scope=scope), toolkit())
    return {check.id: f"{check.status}: {check.detail}" for check in check_startup(files, toolkit(), home=str(home))}


def sees(home: Path, shell: str, mode: StartMode) -> bool:
    return read_variables(shell, mode, home=str(home)).get("CUDA_HOME") == toolkit().cuda_home


@pytest.mark.parametrize("name", ["home", "dave may", "it's $HOME `id`", "gl*b[x]?!", "ünï"])
@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_home_of_any_name(shell: str, name: str, tmp_path: Path) -> None:
    require(shell)
    home = tmp_path / name
    home.mkdir()
    got = statuses(home, shell, scope="all")
    assert got
    assert [f"{name}: {status}" for name, status in got.items() if not status.startswith("pass")] == []


def test_bash_with_the_stock_files(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".bashrc").write_text(STOCK_BASHRC)
    (tmp_path / ".profile").write_text(READS_BASHRC)
    got = statuses(tmp_path, "bash")
    assert list(got) == ["shell.bash.interactive", "shell.bash.login"]
    assert all(status.startswith("pass") for status in got.values())
    assert not sees(tmp_path, "bash", "ssh")
    assert (tmp_path / ".profile").read_text() == READS_BASHRC


def test_scope_all_reaches_commands_over_ssh(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".bashrc").write_text(STOCK_BASHRC)
    (tmp_path / ".profile").write_text(READS_BASHRC)
    got = statuses(tmp_path, "bash", scope="all")
    assert "shell.bash.ssh" in got
    assert all(status.startswith("pass") for status in got.values())


def test_bash_with_a_profile_only_still_reads_it(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".profile").write_text("PATH=$HOME/bin:$PATH\n")
    (tmp_path / ".bashrc").write_text("alias a=b\n")
    statuses(tmp_path, "bash")
    assert not (tmp_path / ".bash_profile").exists()
    assert not (tmp_path / ".bash_login").exists()
    path = (read_variables("bash", "login", home=str(tmp_path)).get("PATH") or "").split(":")
    assert path[:2] == [f"{toolkit().cuda_home}/bin", f"{tmp_path}/bin"]


def test_bash_with_a_bash_profile_of_its_own(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".bash_profile").write_text("export A=1\n")
    (tmp_path / ".bashrc").write_text("alias a=b\n")
    got = statuses(tmp_path, "bash")
    assert all(status.startswith("pass") for status in got.values())


def test_a_bashrc_that_is_read_twice_adds_once(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".profile").write_text('. "$HOME/.bashrc"\n. "$HOME/.bashrc"\n')
    (tmp_path / ".bashrc").write_text("")
    assert all(status.startswith("pass") for status in statuses(tmp_path, "bash").values())


def test_zsh_with_zdotdir_set_in_zshenv(tmp_path: Path) -> None:
    require("zsh")
    (tmp_path / ".zshenv").write_text("export ZDOTDIR=$HOME/.config/zsh\n")
    (tmp_path / ".config" / "zsh").mkdir(parents=True)
    (tmp_path / ".config" / "zsh" / ".zshrc").write_text("x=1\n")
    folder = ask_zdotdir(str(tmp_path))
    assert folder == f"{tmp_path}/.config/zsh"
    files = set_up(tmp_path, choose(tmp_path, "zsh", environ={"ZDOTDIR": folder}), toolkit())
    assert not (tmp_path / ".zshrc").exists()
    assert {check.status for check in check_startup(files, toolkit(), home=str(tmp_path))} == {"pass"}


def test_zsh_without_zdotdir(tmp_path: Path) -> None:
    require("zsh")
    assert ask_zdotdir(str(tmp_path)) is None


def test_a_crlf_file_does_not_spoil_our_values(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".bashrc").write_bytes(b"alias ll='ls -l'\r\nexport A=1\r\n")
    statuses(tmp_path, "bash")
    assert sees(tmp_path, "bash", "interactive")


def test_a_last_line_that_continues_does_not_swallow_ours(tmp_path: Path) -> None:
    require("bash")
    (tmp_path / ".bashrc").write_bytes(b"printf %s hi \\\n")
    statuses(tmp_path, "bash")
    assert sees(tmp_path, "bash", "interactive")
    done = subprocess.run(
        ["bash", "-i", "-c", ":"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert done.stdout == b"hi"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_env_file_is_passed_over_in_silence(shell: str, tmp_path: Path) -> None:
    require(shell)
    files = set_up(tmp_path, choose(tmp_path, shell), toolkit())
    for env_file in (tmp_path / ".config" / "torchup").iterdir():
        env_file.unlink()
    for file in files:
        line = {"csh": "setenv B 2\n", "fish": "set -gx B 2\n"}.get(file.language, "set -e\nexport B=2\nset +e\n")
        path = Path(file.path)
        path.write_text(path.read_text() + line)
    reading = read_variables(shell, "login", home=str(tmp_path))
    assert reading.get("B") == "2"
    assert not [line for line in reading.complaint.splitlines() if "torchup" in line or "env." in line]


class TestCheck:
    def test_a_shell_that_is_replaced_by_another_fails(self, tmp_path: Path) -> None:
        require("bash")
        require("zsh")
        (tmp_path / ".bashrc").write_text("export A=1\n[ -t 1 ] && exec zsh\n")
        got = statuses(tmp_path, "bash")
        assert got["shell.bash.interactive"].startswith("fail: bash ended with status 0 before it ran a command")

    def test_an_early_exit_fails(self, tmp_path: Path) -> None:
        require("bash")
        (tmp_path / ".bashrc").write_text("return\n")
        assert statuses(tmp_path, "bash")["shell.bash.interactive"].startswith(
            "fail: TORCHUP_ENVIRONMENT should be /home/ann/.venvs/torch and is not set",
        )

    def test_a_later_line_of_the_user_is_a_warning(self, tmp_path: Path) -> None:
        require("bash")
        files = set_up(tmp_path, choose(tmp_path, "bash"), toolkit())
        with (tmp_path / ".bashrc").open("a") as file:
            file.write("export CUDA_HOME=/usr/local/cuda-11.8\nexport LD_LIBRARY_PATH=$LD_LIBRARY_PATH:\n")
        check = check_startup(files, toolkit(), home=str(tmp_path))[0]
        assert check.status == "warn"
        assert check.detail.split("; ")[0].endswith(" and is /usr/local/cuda-11.8")
        assert "empty entry" in check.detail

    def test_another_nvcc_in_front_is_a_warning(self, tmp_path: Path) -> None:
        require("bash")
        files = set_up(tmp_path, choose(tmp_path, "bash"), toolkit())
        other = tmp_path / "other"
        other.mkdir()
        (other / "nvcc").write_text("#!/bin/sh\n")
        (other / "nvcc").chmod(0o755)
        with (tmp_path / ".bashrc").open("a") as file:
            file.write(f"PATH={other}:$PATH\n")
        check = check_startup(files, toolkit(), home=str(tmp_path))[0]
        assert (check.status, check.detail) == ("warn", f"the nvcc that is found first is {other}/nvcc")

    def test_a_start_up_file_that_hangs_is_cut_short(self, tmp_path: Path) -> None:
        require("bash")
        files = set_up(tmp_path, choose(tmp_path, "bash"), toolkit())
        (tmp_path / ".bashrc").write_text("sleep 60\n")
        check = check_startup(files, toolkit(), home=str(tmp_path), timeout=0.5)[0]
        assert check.status == "timeout"
        assert check.seconds < 30

    def test_output_of_a_start_up_file_does_not_confuse_it(self, tmp_path: Path) -> None:
        require("bash")
        (tmp_path / ".bashrc").write_text("seq 100000\nprintf 'CUDA_HOME=/lie\\0'\n")
        assert statuses(tmp_path, "bash")["shell.bash.interactive"].startswith("pass")

    def test_variables_of_the_caller_do_not_leak_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        require("bash")
        evil = tmp_path / "evil.sh"
        evil.write_text(f"touch '{tmp_path}/ran'\n")
        for name in ("BASH_ENV", "ENV"):
            monkeypatch.setenv(name, str(evil))
        monkeypatch.setenv("CUDA_HOME", "/from/the/caller")
        for shell in ("bash", "dash"):
            require(shell)
            for mode in ("script", "interactive"):
                assert read_variables(shell, mode, home=str(tmp_path)).get("CUDA_HOME") is None
        assert not (tmp_path / "ran").exists()

    def test_a_shell_that_is_not_there_is_skipped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = choose(tmp_path, "zsh").files
        monkeypatch.setenv("PATH", str(tmp_path))
        assert {check.status for check in check_startup(files, toolkit(), home=str(tmp_path))} == {"skip"}

    def test_a_file_that_the_user_named_is_read_by_a_script(self, tmp_path: Path) -> None:
        require("bash")
        from dataclasses import replace

        choice = choose(tmp_path, "bash")
        file = replace(choice.files[0], path=str(tmp_path / "my rc"), modes=())
        files = set_up(tmp_path, replace(choice, files=(file,)), toolkit())
        (check,) = check_startup(files, toolkit(), home=str(tmp_path))
        assert (check.id, check.status) == ("shell.bash.file", "pass")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environments") / "my torch"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


class TestActivation:
    def environment(self, venv: Path) -> ShellEnvironment:
        return ShellEnvironment(cuda_home="/c", bin_dirs=("/c/bin",), environment=str(venv), activate=True)

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
    def test_interactive_shells_have_it_active_and_scripts_do_not(
        self,
        shell: str,
        venv: Path,
        tmp_path: Path,
    ) -> None:
        require(shell)
        set_up(tmp_path, choose(tmp_path, shell, scope="all"), self.environment(venv))
        inherited: dict[str, str] = {}
        for _ in range(3):
            reading = read_variables(shell, "interactive", home=str(tmp_path), extra=inherited)
            assert reading.get("VIRTUAL_ENV") == str(venv)
            assert (reading.get("PATH") or "").split(":") == [f"{venv}/bin", "/c/bin", "/usr/bin", "/bin"]
            inherited = {name: reading.get(name) or "" for name in reading.variables or {} if name != "_"}
        assert read_variables(shell, "script", home=str(tmp_path)).get("VIRTUAL_ENV") is None

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
    def test_another_active_environment_is_respected(self, shell: str, venv: Path, tmp_path: Path) -> None:
        require(shell)
        set_up(tmp_path, choose(tmp_path, shell), self.environment(venv))
        extra = {"VIRTUAL_ENV": "/home/ann/other", "PATH": "/home/ann/other/bin:/usr/bin:/bin"}
        reading = read_variables(shell, "interactive", home=str(tmp_path), extra=extra)
        assert reading.get("VIRTUAL_ENV") == "/home/ann/other"
        assert f"{venv}/bin" not in (reading.get("PATH") or "").split(":")


class TestConda:
    """What `conda init` rewrites in a start-up file, by the forms that it looks for."""

    FORMS = (
        r"(?m)^[ \t]*(source|\.)[ \t]+.*[/\\]bin[/\\]activate\b.*$",
        r"(?m)^[ \t]*(source|\.)[ \t]+.*[/\\]etc[/\\]profile\.d[/\\]conda\.sh.*$",
        r"(?m)^[ \t]*(export[ \t]+)?PATH=.*[/\\]bin[:;]?.*$",
        r"(?m)^[ \t]*conda activate.*$",
    )

    @pytest.mark.parametrize("language", ["bash", "zsh", "sh", "csh", "fish"])
    def test_no_line_of_ours_has_such_a_form(self, language: str) -> None:
        for env_file in ("/opt/conda/torchup/env.sh", "/home/ann/.config/torchup/env.sh"):
            content = (insert(None, block_body(language, env_file)).after or b"").decode()
            assert not [form for form in self.FORMS if re.search(form, content)]

    def test_conda_comes_and_goes_around_our_block(self) -> None:
        original = b"export A=1\n"
        ours = insert(original, block_body("bash", "/e/env.sh")).after or b""
        with_conda = ours + b"\n# >>> conda initialize >>>\n:\n# <<< conda initialize <<<\n"
        assert remove(with_conda).after == with_conda.replace(ours, original)
        left_by_conda = ours + b"\n"
        assert remove(left_by_conda).after == original + b"\n"
