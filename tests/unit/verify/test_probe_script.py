"""How the modules of the tensor test become one script, and what is refused because it would change its meaning there."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support import wrong_kernels
from support.stub_torch import CPU_BUILD, python_with
from torchup.verify.probe_script import FOLDER, JoinError, script, script_file

PROGRAM = '"""The command line."""\n\nimport sys\n\nfrom .answer import ANSWER\n\n\ndef main(argv):\n    print(ANSWER)\n    return 3\n'
ANSWER = '"""What is answered."""\n\nfrom __future__ import annotations\n\nimport json\n\nANSWER = json.dumps(42)\n'


def folder_of(place: Path, files: Mapping[str, str]) -> Path:
    folder = place / "parts"
    folder.mkdir()
    for name, text in {"__init__": '"""Answer."""\n', "command_line": PROGRAM, "answer": ANSWER, **files}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_modules_become_one_script_that_runs(tmp_path: Path) -> None:
    text = script(folder_of(tmp_path, {}))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("42\n", 3)
    assert text.startswith('"""Answer."""\n')
    assert text.index("# answer: What is answered.") < text.index("# command_line: The command line.")
    assert text.count("import json") == text.count("import annotations") == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"answer": ANSWER + "\n\ndef main(argv): ...\n"},
            "the name main is defined in command_line.py, and by answer",
        ),
        ({"answer": ANSWER + "\njson = 3\n"}, "the name json is defined in answer.py, and by an import"),
        ({"answer": ANSWER + "\nsys = 3\n"}, "the name sys is defined in answer.py, and by an import"),
        ({"answer": ANSWER + "\nfilter = 3\n"}, "the name filter is defined in answer.py, and by Python itself"),
        (
            {"answer": ANSWER + "\nfrom os import path\nfrom sys import path\n"},
            "path is imported from sys and from else",
        ),
        ({"answer": ANSWER + "\nfrom .command_line import main\n"}, "circle: command_line -> answer -> command_line"),
        ({"answer": "from . import command_line\n" + ANSWER}, "answer.py, line 1: only `from .module import name`"),
        ({"answer": "from .. import run\n" + ANSWER}, "answer.py, line 1: only `from .module import name`"),
        ({"answer": "from ..run import verify\n" + ANSWER}, "answer.py, line 1: only `from .module import name`"),
        ({"answer": "from .a.b import c\n" + ANSWER}, "answer.py, line 1: only `from .module import name`"),
        ({"answer": ANSWER + "\nfrom .nothing import c\n"}, "imports from a module that is not there: nothing"),
        ({"answer": "import json as text\n" + ANSWER}, "answer.py, line 1: an import under another name"),
        ({"answer": "from .command_line import main as run\n" + ANSWER}, "line 1: an import under another name"),
        ({"answer": "from os.path import *\n" + ANSWER}, "line 1: an import under another name, or of everything"),
        (
            {"answer": ANSWER + "\n\ndef late():\n    from .command_line import main\n"},
            "line 11: a relative import that",
        ),
        ({"answer": '"""What is answered."""\nREPLY = 1\n'}, "imports ANSWER from answer.py, which does not define it"),
        ({"answer": ANSWER + "\nprint('loaded')\n"}, "answer.py, line 9: only imports and definitions"),
        ({"answer": ANSWER + "\nif json: OLD = 1\n"}, "answer.py, line 9: only imports and definitions"),
        ({"forgotten": "LEFT = 1\n"}, "nothing imports forgotten"),
    ],
)
def test_what_would_mean_something_else_in_one_file_is_refused(
    tmp_path: Path, files: Mapping[str, str], said: str
) -> None:
    with pytest.raises(JoinError) as refused:
        script(folder_of(tmp_path, files))
    assert said in str(refused.value)


def test_text_that_looks_like_an_import_stays(tmp_path: Path) -> None:
    source = 'ANSWER = """\nimport json\nfrom .a import b\n"""\n'
    assert source in script(folder_of(tmp_path, {"answer": source}))


def test_the_script_holds_every_module_once_and_is_the_same_each_time() -> None:
    text = script()
    assert text == script()
    for path in FOLDER.glob("[a-z]*.py"):
        assert text.count(f"\n# {path.stem}: ") == 1, path.stem


def test_the_script_knows_nothing_of_torchup_or_of_the_modules_that_it_was_made_of() -> None:
    for node in ast.walk(ast.parse(script())):
        if isinstance(node, ast.Import):
            assert not [alias for alias in node.names if alias.name.partition(".")[0] == "torchup"]
        if isinstance(node, ast.ImportFrom):
            assert (node.level, (node.module or "").partition(".")[0]) != (0, "torchup")
            assert node.level == 0


def test_the_modules_are_small() -> None:
    assert {path.name: lines for path in FOLDER.glob("*.py") if (lines := path.read_text().count("\n")) > 400} == {}


GPU_SCRIPT = Path(__file__).parents[2] / "gpu" / "run.py"
PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), key=lambda path: path.parts[-3].split("."))
NEW_ENOUGH = [path for path in PYTHONS if tuple(map(int, path.parts[-3].split(".")[:2])) >= (3, 9)]


@pytest.mark.parametrize("python", [Path(sys.executable), *NEW_ENOUGH], ids=lambda path: path.parts[-3])
def test_every_python_from_3_9_on_runs_it_alone(tmp_path: Path, python: Path) -> None:
    path = tmp_path / "copied.py"
    path.write_text(script(), encoding="utf-8")
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
    source = f"import sys\nassert sys.argv[0] == {str(tmp_path / 'my test.py')!r}, sys.argv\n{CPU_BUILD}"
    python = python_with(tmp_path / "env", source)
    path = tmp_path / "my test.py"
    path.write_text(script(), encoding="utf-8")
    done = subprocess.run([python, path, "--json", "--only", "exact-int"], capture_output=True, text=True, check=False)
    imported = json.loads(done.stdout)["checks"][0]
    assert (imported["id"], imported["status"]) == ("import", "pass"), imported["detail"]


def test_the_file_is_private_and_gone_afterwards_also_after_ctrl_c() -> None:
    with script_file() as path:
        assert path.read_text(encoding="utf-8") == script()
        assert path.parent.stat().st_mode & 0o077 == 0 or os.name == "nt"
    assert not path.parent.exists()
    with pytest.raises(KeyboardInterrupt), script_file() as path:
        raise KeyboardInterrupt
    assert not path.parent.exists()
