"""Env files as text: what they refuse, and that they are valid for every combination of values."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from support.tools import require
from torchup.errors import UsageError
from torchup.shell.block_body import block_body, own_file
from torchup.shell.env_files import ShellEnvironment, env_file_name, render_env_file
from torchup.verify.shell_syntax import parse_check

COMBINATIONS = [
    ShellEnvironment(
        cuda_home="/opt/c" if cuda else None,
        bin_dirs=("/opt/c/bin", "/opt/it's/bin")[: 2 * cuda],
        library_dirs=("/opt/c/lib64",) if libraries else (),
        environment="/home/a b/.venvs/torch" if environment else None,
        activate=activate,
    )
    for cuda, libraries, environment, activate in itertools.product((False, True), repeat=4)
]


@pytest.mark.parametrize("language", ["sh", "fish", "csh", "powershell"])
def test_every_combination_ends_with_one_newline_and_has_no_trailing_blanks(language: str) -> None:
    for combination in COMBINATIONS:
        text = render_env_file(language, combination)
        assert text.endswith("\n")
        assert not text.endswith("\n\n\n")
        assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize(
    ("shell", "language"),
    [("bash", "bash"), ("zsh", "zsh"), ("dash", "sh"), ("ksh", "sh"), ("fish", "fish"), ("tcsh", "csh")],
)
def test_every_combination_parses(shell: str, language: str) -> None:
    require(shell)
    for combination in COMBINATIONS:
        assert parse_check(shell, render_env_file(language, combination).encode()) is None


def test_shellcheck_has_nothing_to_say() -> None:
    shellcheck = require(str(Path(sys.executable).parent / "shellcheck"))
    for combination in (COMBINATIONS[0], COMBINATIONS[-1]):
        # The sourced file is not at hand (SC1090, SC1091), the changes in a subshell are a question and meant
        # to be lost (SC2030, SC2031), PATH is what the file is about (SC2123), and `export` is not seen behind
        # the variable that keeps aliases away (SC2034).
        done = subprocess.run(
            [shellcheck, "--shell=sh", "--exclude=SC1090,SC1091,SC2030,SC2031,SC2034,SC2123", "-"],
            input=render_env_file("sh", combination).encode(),
            capture_output=True,
            check=False,
        )
        assert done.stdout.decode() == ""


def test_without_toolkit_nothing_is_set_but_the_environment() -> None:
    text = render_env_file("sh", ShellEnvironment(environment="/e"))
    assert "CUDA_HOME=/" not in text
    assert "CUDA_HOME='" not in text
    assert "export LD_LIBRARY_PATH" not in text
    assert "TORCHUP_ENVIRONMENT='/e'" in text


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"bin_dirs": ("/a:b",)}, "path-has-colon"),
        ({"library_dirs": ("/a\nb",)}, "path-unquotable"),
        ({"bin_dirs": ("bin",)}, "path-not-absolute"),
        ({"cuda_home": "."}, "path-not-absolute"),
        ({"environment": ""}, "path-not-absolute"),
    ],
)
def test_what_a_shell_environment_refuses(values: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        ShellEnvironment(**values)  # type: ignore[arg-type]  # the parametrized values are of many types
    assert caught.value.code == code


def test_windows_paths_are_absolute_and_may_have_their_drive() -> None:
    text = render_env_file("powershell", ShellEnvironment(cuda_home=r"C:\CUDA", bin_dirs=(r"C:\CUDA\bin",)))
    assert r"$env:CUDA_HOME = 'C:\CUDA'" in text


def test_the_powershell_file_is_ascii() -> None:
    assert render_env_file("powershell", ShellEnvironment(environment="/home/ü/’")).isascii()


def test_bash_zsh_and_sh_share_a_file() -> None:
    assert {env_file_name(language) for language in ("bash", "zsh", "sh")} == {"env.sh"}


def test_a_relative_env_file_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        block_body("bash", "env.sh")
    assert caught.value.code == "path-not-absolute"


def test_the_fish_file_says_whose_it_is() -> None:
    assert own_file("fish", "/e").splitlines() == [
        "# Reads the settings that torchup made. `torchup undo` removes this file.",
        "if test -r '/e'; source '/e'; end",
    ]


def test_the_csh_body_has_no_sh_syntax() -> None:
    body = block_body("csh", "/e")
    assert not any(word in body for word in ("2>", "$(", "export", "fi"))
