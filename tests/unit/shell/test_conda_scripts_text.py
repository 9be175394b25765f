"""The conda scripts and environment.yml as texts: quoting, names, and what PowerShell gets, which does not run here."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from torchup.errors import UsageError
from torchup.shell.conda_scripts import CondaSettings, render_conda_scripts, script_paths
from torchup.shell.templates import render
from torchup.shell.yaml_quoting import quote_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def scripts(prefix: str = "/opt/envs/a", **values: object) -> dict[str, str]:
    given_values: dict[str, object] = {"cuda_home": "/opt/cuda", "library_dirs": ("/opt/cuda/lib64",), **values}
    rendered = render_conda_scripts(CondaSettings(prefix=prefix, **given_values))  # type: ignore[arg-type]
    return {path.removeprefix(f"{prefix}/etc/conda/"): text for path, text in rendered.items()}


@given(TEXT)
def test_a_yaml_reader_takes_every_text_back_unchanged(text: str) -> None:
    quoted = quote_yaml(text)
    assert quoted.isascii()
    assert yaml.safe_load(quoted) == text
    assert yaml.safe_load(f"a:\n  - {quoted}\n  - b\n") == {"a": [text, "b"]}


def test_bytes_that_are_no_text_have_no_place_in_yaml() -> None:
    with pytest.raises(UsageError) as caught:
        quote_yaml("/opt/\udcff")
    assert caught.value.code == "path-unquotable"


@given(name=TEXT, lines=st.lists(TEXT, min_size=1))
def test_the_environment_file_says_what_it_was_given(name: str, lines: list[str]) -> None:
    text = render("environment.yml", environment=name, channels=("conda-forge",), specs=tuple(lines), pip=tuple(lines))
    assert yaml.safe_load(text) == {
        "name": name,
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": [*lines, {"pip": lines}],
    }


def test_without_channels_conda_takes_its_own() -> None:
    assert "channels" not in yaml.safe_load(
        render("environment.yml", environment="a", channels=(), specs=("b",), pip=("c",))
    )


def test_the_list_of_files_is_that_of_the_rendered_ones() -> None:
    rendered = render_conda_scripts(CondaSettings(prefix="/e", cuda_home="/c", library_dirs=("/l",)))
    assert set(rendered) == set(script_paths("/e"))


def test_environments_keep_what_was_there_under_names_of_their_own() -> None:
    names = [set(re.findall(r"TORCHUP_CONDA_\w{12}", "".join(scripts(prefix).values()))) for prefix in ("/e/a", "/e/b")]
    assert [len(found) for found in names] == [1, 1]
    assert names[0] != names[1]
    assert "CONDA_ID" not in "".join(scripts().values())


def test_deactivation_holds_no_path_and_no_script_touches_path() -> None:
    for path, text in scripts(cuda_home="/canary", include_dir="/canary/i", library_dirs=("/canary/l",)).items():
        assert ("/canary" in text) == path.startswith("activate.d")
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        # In csh PATH is a tool for splitting, and gets its value back.
        assert path.endswith(".csh") or not re.search(r"(?<![A-Z_])PATH=|set -gx PATH|\$env:PATH", code), path


@pytest.mark.parametrize("bad", ["a:b", "new\nline"])
def test_what_cannot_be_an_entry_is_refused(bad: str) -> None:
    with pytest.raises(UsageError):
        scripts(library_dirs=(f"/{bad}",))


def test_powershell_gets_no_script_where_a_path_is_no_text() -> None:
    assert "activate.d/torchup.ps1" in scripts(cuda_home="/opt/ünï")
    odd = scripts(cuda_home="/opt/\udcff")
    assert "activate.d/torchup.sh" in odd
    assert not [path for path in odd if path.endswith(".ps1")]


@pytest.mark.parametrize("cuda", ["/opt/cuda", "/opt/it's $x `y", "/opt/ünï", "/opt/’quote’"])
def test_powershell_scripts_are_ascii_and_their_brackets_and_quotes_close(cuda: str) -> None:
    """Windows PowerShell reads a file without a byte order mark in the ANSI code page."""
    for path, text in scripts(cuda_home=cuda, include_dir=f"{cuda}/i", library_dirs=(f"{cuda}/l", "/x")).items():
        if not path.endswith(".ps1"):
            continue
        assert text.isascii()
        assert balanced(text), path
        if shutil.which("pwsh"):
            check = (
                "$e = $null; [void][Management.Automation.Language.Parser]::ParseInput($input, [ref]$null, [ref]$e); $e"
            )
            done = subprocess.run(
                ["pwsh", "-NoProfile", "-Command", check], input=text, capture_output=True, text=True, check=False
            )
            assert done.stdout == ""


def balanced(text: str) -> bool:
    """Read a script as PowerShell does: comments, two kinds of quotes, and brackets that close each other."""
    closes = {"(": ")", "{": "}", "[": "]"}
    waiting: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "#":
            at = text.index("\n", at)
        elif character == "'":
            at = text.index("'", at + 1)
            while text[at + 1 : at + 2] == "'":
                at = text.index("'", at + 2)
        elif character == '"':
            at = text.index('"', at + 1)
        elif character in closes:
            waiting.append(closes[character])
        elif character in closes.values() and (not waiting or waiting.pop() != character):
            return False
        at += 1
    return not waiting


def test_the_reader_of_brackets_sees_what_is_open() -> None:
    assert balanced("& { if ($a) { 'it''s {' } } # (\n")
    assert not balanced("& { if ($a) { 'x' }\n")
    assert not balanced("( }\n")
