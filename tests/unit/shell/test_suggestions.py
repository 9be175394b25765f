"""Differences as `patch` takes them, and the changes that are offered for hand-written settings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tools import require
from torchup.shell.diagnosis import diagnose
from torchup.shell.difference import unified
from torchup.shell.environment_modules import find_module_use
from torchup.shell.suggestions import suggested_change

lines = st.lists(st.sampled_from([b"a", b"b", b"c\r", b"", b"\xff", b"\\ No newline", b"--- x", b"+y"]), max_size=6)
contents = st.builds(lambda parts, end: b"\n".join(parts) + end, lines, st.sampled_from([b"", b"\n"]))


@given(before=contents, after=contents)
def test_patch_makes_one_of_the_other(before: bytes, after: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    require("patch")
    file = tmp_path_factory.mktemp("patched") / "file"
    file.write_bytes(before)
    text = "\n".join([*unified("file", before, after), ""]).encode("utf-8", "surrogateescape")
    if before == after:
        assert text == b""
        return
    # An empty file that stays is a header alone, which patch takes for no patch at all.
    subprocess.run(["patch", "-s", "--binary", "--force", str(file)], input=text, check=bool(before and after))
    if before and after:
        assert file.read_bytes() == after


def test_a_file_that_appears_or_goes_is_named_so() -> None:
    assert unified("/rc", None, b"x\n") == ("--- /dev/null", "+++ /rc", "@@ -0,0 +1 @@", "+x")
    assert unified("/rc", b"x", None)[:2] == ("--- /rc", "+++ /dev/null")


def suggested(content: bytes, language: str = "bash") -> bytes | None:
    change = suggested_change("/rc", content, diagnose("/rc", content), language)
    if not change:
        return None
    return b"\n".join(line[1:].encode() for line in change[3:] if line[:1] in "+ ")


@pytest.mark.parametrize(
    ("content", "after"),
    [
        (b"export CUDA_HOME=/usr/local/cuda\n", b"# export CUDA_HOME=/usr/local/cuda"),
        (
            b"export LD_LIBRARY_PATH=/opt/hdf5/lib:$LD_LIBRARY_PATH\n",
            b"export LD_LIBRARY_PATH=/opt/hdf5/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}",
        ),
        (
            b"export LD_LIBRARY_PATH=${LD_LIBRARY_PATH}:/opt/hdf5/lib\n",
            b"export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/opt/hdf5/lib",
        ),
        (b"if true; then\n  module load cuda\nfi\n", b"if true; then\n  : # module load cuda\nfi"),
        (b"export PATH=/usr/local/cuda/bin:\\\n$PATH\n", b"# export PATH=/usr/local/cuda/bin:\\\n# $PATH"),
        (b"export EDITOR=vi\n", None),
    ],
)
def test_what_is_offered(content: bytes, after: bytes | None) -> None:
    assert suggested(content) == after


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_what_is_offered_still_parses(shell: str, tmp_path: Path) -> None:
    require(shell)
    content = b"f() {\n  export CUDA_HOME=/usr/local/cuda\n}\nif true; then\n\tmodule load cuda/12\nelse\n :\nfi\n"
    (tmp_path / "rc").write_bytes((suggested(content) or b"") + b"\n")
    assert b"export CUDA_HOME" in (tmp_path / "rc").read_bytes()
    subprocess.run([shell, "-n", tmp_path / "rc"], check=True)


@pytest.mark.parametrize(
    ("content", "environ", "module"),
    [
        (b"module load cuda/12.4\n", {}, "cuda/12.4"),
        (b"  ml nvhpc\n", {}, "nvhpc"),
        (b"module load gcc openmpi cuda/12\n", {}, "cuda/12"),
        (b"# module load cuda\n", {}, None),
        (b"module load gcc # cuda\n", {}, None),
        (b"module load mycudabench\n", {}, None),
        (b"", {"LOADEDMODULES": "gcc:devel/cuda/12.1"}, "devel/cuda/12.1"),
        (b"", {"LOADEDMODULES": "gcc"}, None),
    ],
)
def test_modules(content: bytes, environ: dict[str, str], module: str | None) -> None:
    found = find_module_use({"/rc": content}, environ)
    assert (found.module if found else None) == module
