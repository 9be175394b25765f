"""Nothing is executed or imported from the current folder, whatever lies there and whatever the variables say."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import torchup
from support.command import TORCHUP, Person
from support.command_table import commands, names

PROGRAMS = (
    *(
        "git",
        "uv",
        "python",
        "python3",
        "bash",
        "sh",
        "zsh",
        "fish",
        "nvidia-smi",
        "nvcc",
        "gcc",
        "conda",
        "sudo",
    ),
    *("ps", "dmesg", "journalctl", "ldconfig", "rpm", "dpkg-query", "env"),
)
MODULES = (
    *("json", "torch", "sitecustomize", "usercustomize", "re", "platform", "ctypes", "site", "sysconfig", "struct"),
    *("requests", "click", "torchup", "numpy", "encodings", "tempfile", "subprocess", "venv", "ensurepip", "distutils"),
)


class Folder:
    """A folder that somebody unpacked and went into: every file in it leaves a trace when it is taken for a program."""

    def __init__(self, place: Path) -> None:
        self.place, self.traces = place / "unpacked", place / "traces"
        self.place.mkdir()
        self.traces.mkdir()
        for name in PROGRAMS:
            self._program(self.place / name)
        for name in MODULES:
            (self.place / f"{name}.py").write_text(f"open({str(self.traces / name)!r}, 'w').close()\n")
        for package in ("pip", "packaging"):
            (self.place / package).mkdir()
            for part in ("__init__", "__main__"):
                (self.place / package / f"{part}.py").write_text(f"open({str(self.traces / package)!r}, 'w').close()\n")
        for environment in (".venv", "venv"):
            (self.place / environment / "bin").mkdir(parents=True)
            (self.place / environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.99.0\n")
            self._program(self.place / environment / "bin/python")
        settings = '[tool.uv]\nindex-url = "http://127.0.0.1:9/evil"\n'
        (self.place / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "1"\n{settings}')
        (self.place / "uv.toml").write_text('index-url = "http://127.0.0.1:9/evil"\n')
        (self.place / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/evil\n")
        (self.place / ".python-version").write_text("3.6\n")
        (self.place / ".bashrc").write_text(f": >'{self.traces}/.bashrc'\n")
        (self.place / ".env").write_text("UV_INDEX_URL=http://127.0.0.1:9/evil\n")

    def _program(self, path: Path) -> None:
        path.write_text(f"#!/bin/sh\n: >'{self.traces}/{path.name}'\n")
        path.chmod(0o755)

    def run(
        self, person: Person, *words: str, start: tuple[str, ...] = (str(TORCHUP),)
    ) -> subprocess.CompletedProcess[str]:
        search = f":.:{person.environ['PATH']}:"
        return subprocess.run(
            [*start, *words],
            cwd=self.place,
            env={**person.environ, "PATH": search, "LD_LIBRARY_PATH": ":/nowhere:", "SHELL": "/bin/bash"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def left(self) -> list[str]:
        return sorted(path.name for path in self.traces.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_trap_works(folder: Folder, person: Person) -> None:
    folder.run(person, "-c", "import json", start=(sys.executable,))
    folder.run(person, "-c", "nvidia-smi", start=("/bin/sh",))
    assert {"json", "nvidia-smi"} <= set(folder.left())


@pytest.mark.parametrize("name", names())
def test_no_command_runs_what_lies_in_the_current_folder(
    name: str, folder: Folder, person: Person, tmp_path: Path
) -> None:
    _give_an_environment(person)
    words = dict(commands(tmp_path))[name]
    ran = folder.run(person, *words)
    assert folder.left() == [], ran.stderr
    assert "evil" not in ran.stdout + ran.stderr


def test_started_as_a_module(folder: Folder, person: Person) -> None:
    (folder.place / "torchup.py").unlink()
    ran = folder.run(person, "matrix", "--torch", "2.13", start=(sys.executable, "-m", "torchup"))
    assert (ran.returncode, folder.left()) == (0, []), ran.stderr


def test_a_whole_set_up(folder: Folder, person: Person, wanted: str) -> None:
    ran = folder.run(person, "setup", "--answers", wanted)
    assert ran.returncode == 0, ran.stderr
    for words in (("verify",), ("doctor",), ("status",), ("undo", "--yes")):
        folder.run(person, *words)
    assert folder.left() == []


def test_the_script_of_a_dry_run(folder: Folder, person: Person, wanted: str, tmp_path: Path) -> None:
    script = folder.run(person, "setup", "--answers", wanted, "--dry-run")
    assert script.returncode == 0, script.stderr
    (tmp_path / "script.sh").write_text(script.stdout)
    person.environ["PATH"] = os.environ["PATH"]
    ran = subprocess.run(
        ["/bin/sh", str(tmp_path / "script.sh")],
        cwd=folder.place,
        env=person.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert folder.left() == []


def test_doctor_names_what_is_in_the_way(folder: Folder, person: Person) -> None:
    _give_an_environment(person)
    ran = folder.run(person, "doctor", "--no-test", "--json")
    assert folder.left() == []
    assert "json.py, " in ran.stdout
    assert "torch.py" in ran.stdout


def test_every_child_is_started_elsewhere() -> None:
    """A new call that forgets the folder is found here, whatever command it belongs to."""
    source = Path(torchup.__file__).parent
    forgotten = []
    for path in sorted(source.rglob("*.py")):
        if "probe" in path.relative_to(source).parts:
            continue  # runs inside a child, which is elsewhere already
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
                starts = called.startswith("subprocess.") and node.func.attr in ("run", "Popen", "call", "check_output")
                starts |= called.startswith(("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn"))
                if starts and not any(keyword.arg == "cwd" for keyword in node.keywords):
                    forgotten.append(f"{path.relative_to(source)}:{node.lineno} {called}")
    assert forgotten == []


def _give_an_environment(person: Person) -> None:
    """Give the person the usual environment, whose interpreter is that of the tests."""
    place = person.home / ".venvs/torch"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
