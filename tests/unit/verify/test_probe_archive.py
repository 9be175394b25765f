"""The archive of the tensor test: what it holds, and that every Python runs it wherever it lies."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support import wrong_kernels
from support.stub_torch import CPU_BUILD, python_with
from torchup.verify.probe_archive import FOLDER, MARK, archive, archive_file


def test_it_holds_every_module_and_is_the_same_each_time() -> None:
    content = archive()
    assert content == archive()
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        held = {name: packed.read(name) for name in packed.namelist()}
    assert held.pop("__main__.py").decode().startswith(MARK)
    assert held == {f"tensor_probe/{path.name}": path.read_bytes() for path in FOLDER.glob("*.py")}


def test_it_can_be_known_and_started_by_its_first_bytes() -> None:
    first, _, rest = archive().partition(b"\n")
    assert first == b"#!/usr/bin/env python3"
    assert MARK.encode() in rest[:200]


def test_the_modules_know_nothing_of_torchup() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not [alias for alias in node.names if alias.name.partition(".")[0] == "torchup"]
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2
                assert (node.level, (node.module or "").partition(".")[0]) != (0, "torchup")


def test_the_modules_are_small() -> None:
    assert {path.name: lines for path in FOLDER.glob("*.py") if (lines := path.read_text().count("\n")) > 400} == {}


GPU_SCRIPT = Path(__file__).parents[2] / "gpu" / "run.py"
PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), key=lambda path: path.parts[-3].split("."))
NEW_ENOUGH = [path for path in PYTHONS if tuple(map(int, path.parts[-3].split(".")[:2])) >= (3, 9)]


@pytest.mark.parametrize("python", [Path(sys.executable), *NEW_ENOUGH], ids=lambda path: path.parts[-3])
def test_every_python_from_3_9_on_runs_it_alone(tmp_path: Path, python: Path) -> None:
    path = tmp_path / "copied.pyz"
    path.write_bytes(archive())
    command = [str(python), "-I", "-W", "error", str(path)]
    listed = subprocess.run([*command, "--list", "--level", "full"], capture_output=True, text=True, check=True)
    assert {"exact-fp32", "soak", "health-after"} <= {line.split()[0] for line in listed.stdout.splitlines()}
    assert listed.stderr == ""
    without_torch = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert without_torch.returncode == 4
    assert json.loads(without_torch.stdout)["checks"][0]["hint"] == "torch-not-installed"


@pytest.mark.parametrize("python", [Path(sys.executable), *NEW_ENOUGH], ids=lambda path: path.parts[-3])
def test_every_python_from_3_9_on_runs_what_is_for_machines_with_a_gpu(tmp_path: Path, python: Path) -> None:
    command = [str(python), "-I", "-W", "error", str(GPU_SCRIPT), "--level", "quick", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads((tmp_path / "quick.json").read_text())["checks"][0]["hint"] == "torch-not-installed"
    wrong = subprocess.run([str(python), "-I", wrong_kernels.__file__, "--help"], capture_output=True, check=False)
    assert wrong.returncode == 0, wrong.stderr


def test_its_processes_are_started_from_where_it_lies(tmp_path: Path) -> None:
    source = f"import sys\nassert sys.argv[0] == {str(tmp_path / 'my test')!r}, sys.argv\n{CPU_BUILD}"
    python = python_with(tmp_path / "env", source)
    path = tmp_path / "my test"
    path.write_bytes(archive())
    done = subprocess.run([python, path, "--json", "--only", "exact-int"], capture_output=True, text=True, check=False)
    imported = json.loads(done.stdout)["checks"][0]
    assert (imported["id"], imported["status"]) == ("import", "pass"), imported["detail"]


def test_the_file_is_private_and_gone_afterwards_also_after_ctrl_c() -> None:
    with archive_file() as path:
        assert path.read_bytes() == archive()
        assert path.parent.stat().st_mode & 0o077 == 0 or os.name == "nt"
    assert not path.parent.exists()
    with pytest.raises(KeyboardInterrupt), archive_file() as path:
        raise KeyboardInterrupt
    assert not path.parent.exists()
