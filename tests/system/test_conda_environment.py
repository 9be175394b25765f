"""conda environments through the command line: a channel in a folder, a stand-in conda, real uv and shells."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from support import conda_activation
from support.command import Person
from support.conda_channel import PYTHON, TARGET, CondaChannel, stand_in_conda
from support.sandbox import tree
from support.tools import require
from support.wheel_index import WheelIndex
from torchup.verify.shells import ShellReading, read_variables

Answers = Callable[..., str]
CACHES = ("pkgs", ".conda-stand-in")


@pytest.fixture(scope="session")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that channel names are looked up in: conda-forge, and one that has no Python."""
    folder = tmp_path_factory.mktemp("conda") / "channels"
    CondaChannel(folder / "conda-forge").python().cuda("12.6", "13.0").torch("2.9.1").index()
    CondaChannel(folder / "bare").add("other", "1").index()
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    stand_in_conda(tmp_path / "miniforge3")
    return tmp_path / "miniforge3"


@pytest.fixture
def person(tmp_path: Path, index: WheelIndex, base: Path, channels: Path) -> Iterator[Person]:
    cache = channels.parent / "pkgs"
    someone = Person(home=tmp_path / "home", index=index, environ={"CONDA_EXE": f"{base}/bin/conda"})
    someone.environ["CONDA_PKGS_DIRS"] = str(cache)
    (someone.home / ".condarc").write_text(f"channel_alias: file://{channels}\n")
    yield someone
    shutil.rmtree(someone.home / ".conda-stand-in", ignore_errors=True)


@pytest.fixture
def answers(person: Person, index: WheelIndex) -> Answers:
    def write(
        *, kind: str = "conda", toolkit: str = "{source: none}", channels: str = "[conda-forge]", more: str = ""
    ) -> str:
        return person.answers(
            f"schema: 1\ntorch: {{packages: [torch]}}\nenvironment: {{kind: {kind}, name: deep{more}}}\n"
            f"cuda_toolkit: {toolkit}\nverify: {{level: none}}\nshell: {{shells: [bash, conda]}}\n"
            f"source: {{mirror: '{index.url('whl')}', conda_channels: {channels}}}\n"
        )

    return write


def installed(prefix: Path) -> dict[str, str]:
    found = (path.stem.rsplit("-", 2) for path in (prefix / "conda-meta").glob("*.json"))
    return {name: version for name, version, _ in found}


def in_shell(person: Person, shell: str, prefix: Path, *actions: str) -> ShellReading:
    """Start a shell, run conda's commands in it, and read what a program in it then has."""
    require(shell)
    language = {"fish": "fish", "tcsh": "csh"}.get(shell, "sh")
    lines = []
    for number, action in enumerate(actions):
        file = person.home.parent / f"commands-{number}"
        words = f"{sys.executable} -I -S {conda_activation.__file__} {language} {action}"
        lines += [f"{words} > {file}", f"{'source' if language != 'sh' else '.'} {file}"]
    return read_variables(shell, "script", home=str(person.home.parent), before="; ".join(lines) or "cd .")


def test_from_answers_to_undo_with_the_toolkit_inside(
    person: Person, base: Path, answers: Answers, channels: Path
) -> None:
    before, prefix = (person.tree(), tree(base, leave_out=())), base / "envs" / "deep"
    wanted = answers(toolkit='{source: conda, version: "13.0"}')
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    assert f"conda activate {prefix}" in done.stdout
    assert {"python", "pip", "cuda-nvcc", "cuda-version", "cuda-cudart-dev", "cuda-libraries-dev"} == set(
        installed(prefix)
    )
    assert installed(prefix)["cuda-version"] == "13.0"
    assert (prefix / f"lib/python{PYTHON}/site-packages/torch-2.15.0+cpu.dist-info/RECORD").is_file()

    # The toolkit is there while the environment is active, and not in a shell where it is not.
    assert person.shell_value("bash", "CUDA_HOME") == ""
    for shell in ("bash", "fish", "tcsh"):
        active = in_shell(person, shell, prefix, f"activate {prefix}")
        assert active.get("CUDA_HOME") == str(prefix)
        assert active.get("CUDA_INC_PATH") == f"{prefix}/targets/{TARGET}/include"
        assert shutil.which("nvcc", path=active.get("PATH")) == f"{prefix}/bin/nvcc"
        left = in_shell(person, shell, prefix, f"activate {prefix}", "deactivate")
        assert [left.get(name) for name in ("CUDA_HOME", "CUDA_INC_PATH", "LD_LIBRARY_PATH")] == [None] * 3
        assert str(prefix) not in (left.get("PATH") or "")

    # A second run finds everything in place, and what was saved is enough to make the same plan.
    again = person.torchup("setup", "--answers", wanted)
    assert again.returncode == 0, again.stderr
    assert "nothing" in again.stdout
    saved = person.answers((person.home / ".config/torchup/answers.yaml").read_text(), "saved.yaml")
    assert person.torchup("setup", "--answers", saved, "--dry-run", "--exit-code").returncode == 0

    # conda makes the same environment from the file.
    described = yaml.safe_load((prefix / "environment.yml").read_text())
    assert described["channels"] == ["conda-forge", "nodefaults"]
    assert described["dependencies"][-1]["pip"][-1] == "torch==2.15.0+cpu"
    other = base.parent / "again"
    file = str(prefix / "environment.yml")
    command = [str(base / "bin/conda"), "env", "create", "--file", file, "--prefix", str(other)]
    subprocess.run(command, env=person.environ, check=True, stdin=subprocess.DEVNULL)
    assert installed(other) == installed(prefix)
    shutil.rmtree(person.home / ".conda")

    undone = person.torchup("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert (person.tree(), tree(base, leave_out=())) == before


def test_the_dry_run_is_a_script_that_ends_in_the_same_environment(
    person: Person, base: Path, answers: Answers
) -> None:
    before = person.tree(), tree(base, leave_out=())
    dry = person.torchup(
        "setup", "--answers", answers(toolkit='{source: conda, version: "12.6", cudnn: false}'), "--dry-run"
    )
    assert dry.returncode == 0, dry.stderr
    assert (person.tree(), tree(base, leave_out=())) == before
    ran = subprocess.run(
        ["dash", "-s"], input=dry.stdout, env=person.environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    prefix = base / "envs/deep"
    assert installed(prefix)["cuda-version"] == "12.6"
    assert in_shell(person, "bash", prefix, f"activate {prefix}").get("CUDA_HOME") == str(prefix)


def test_a_venv_gets_the_toolkit_in_an_environment_of_its_own(person: Person, base: Path, answers: Answers) -> None:
    before = person.tree(), tree(base, leave_out=())
    wanted = answers(kind="venv", toolkit='{source: conda, version: "13.0"}')
    prefix = base / "envs/cuda-13.0"
    (prefix / "conda-meta").mkdir(parents=True)
    refused = person.torchup("setup", "--answers", wanted)
    assert "environment-incomplete" in refused.stderr
    shutil.rmtree(base / "envs")
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    assert "python" not in installed(prefix)
    assert person.shell_value("bash", "CUDA_HOME") == str(prefix)
    assert shutil.which("nvcc", path=person.shell_value("bash", "PATH")) == f"{prefix}/bin/nvcc"
    assert f"{person.home}/.venvs/torch/bin/activate" in done.stdout
    assert person.torchup("undo", "--yes").returncode == 0
    assert (person.tree(), tree(base, leave_out=())) == before


@pytest.mark.parametrize(
    ("toolkit", "channels_wanted", "code", "said"),
    [
        ('{source: conda, version: "14.0"}', "[conda-forge]", "conda-unsolvable", "cuda-version 14.0"),
        ("{source: none}", "[bare]", "conda-unsolvable", "python"),
        ("{source: none}", "[nowhere]", "conda-channel-missing", "nowhere"),
        ("{source: none}", "['https://channel.invalid/forge']", "network", "channel.invalid"),
        ('{source: conda, version: "11.8"}', "[conda-forge]", "conda-toolkit-too-old", "CUDA 11.8"),
    ],
)
def test_what_conda_cannot_do_is_named_and_leaves_nothing(
    person: Person, base: Path, answers: Answers, toolkit: str, channels_wanted: str, code: str, said: str
) -> None:
    before = person.tree(), tree(base, leave_out=())
    done = person.torchup("setup", "--answers", answers(toolkit=toolkit, channels=channels_wanted))
    assert done.returncode in (1, 6)
    assert code in done.stderr
    assert said in done.stderr
    assert "hint:" in done.stderr
    assert (person.tree(), tree(base, leave_out=())) == before


def test_pytorch_itself_from_the_channel_when_that_is_chosen(person: Person, base: Path, answers: Answers) -> None:
    before = person.tree(), tree(base, leave_out=())
    wanted = Path(answers())
    wanted.write_text(wanted.read_text().replace("source: {", "source: {index: conda-forge, "))
    done = person.torchup("setup", "--answers", str(wanted))
    assert done.returncode == 0, done.stderr
    prefix = base / "envs/deep"
    record = prefix / f"lib/python{PYTHON}/site-packages/torch-2.9.1.dist-info/RECORD"
    assert record.read_text().startswith("cpu_generic")
    assert not (prefix / "torchup-requirements.txt").exists()
    described = yaml.safe_load((prefix / "environment.yml").read_text())
    assert described["dependencies"] == [f"python={PYTHON}", "pip", "pytorch=2.9.1=cpu*"]
    again = person.torchup("setup", "--answers", str(wanted))
    assert "nothing" in again.stdout
    assert person.torchup("undo", "--yes").returncode == 0
    assert (person.tree(), tree(base, leave_out=())) == before


def test_conda_forge_is_for_conda_environments_and_has_to_answer(person: Person, base: Path, answers: Answers) -> None:
    chosen = ("--set", "source.index=conda-forge")
    contradiction = person.torchup("setup", "--answers", answers(kind="venv"), *chosen)
    assert contradiction.returncode == 2
    assert "conda-forge is for environment.kind: conda" in contradiction.stderr
    unreachable = person.torchup("setup", "--answers", answers(channels="[nowhere]"), *chosen)
    assert unreachable.returncode == 7
    assert "nowhere" in unreachable.stderr


def test_a_prefix_that_is_not_ours_is_left_alone(person: Person, base: Path, answers: Answers) -> None:
    prefix = base / "envs/deep"
    prefix.mkdir(parents=True)
    (prefix / "thesis.txt").write_text("mine\n")
    assert "target-not-empty" in person.torchup("setup", "--answers", answers()).stderr
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").write_text("")
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(sys.executable)
    refused = person.torchup("setup", "--answers", answers())
    assert refused.returncode == 6
    assert "environment-exists" in refused.stderr
    assert (prefix / "thesis.txt").read_text() == "mine\n"


def test_without_conda_it_is_said_what_to_install(person: Person, base: Path, answers: Answers) -> None:
    del person.environ["CONDA_EXE"]
    for wanted in (answers(), answers(kind="venv", toolkit='{source: conda, version: "13.0"}')):
        done = person.torchup("setup", "--answers", wanted)
        assert done.returncode == 6
        assert "conda-missing" in done.stderr
        assert "Miniforge" in done.stderr


def test_channels_and_offline_reach_conda_and_it_never_asks(person: Person, base: Path, answers: Answers) -> None:
    wanted = answers(channels="[conda-forge, bare]")
    plan = json.loads(person.torchup("setup", "--answers", wanted, "--dry-run", "--json").stdout)
    (create,) = next(step for step in plan["steps"] if step["id"] == "environment")["commands"]
    assert create["argv"][1:] == [
        *("create", "--yes", "--quiet", "--override-channels", "--channel", "conda-forge", "--channel", "bare"),
        *("--prefix", f"{base}/envs/deep", f"python={PYTHON}", "pip"),
    ]
    assert create["environment"]["CONDA_REGISTER_ENVS"] == "false"
    own = answers(channels="[]")
    plan = json.loads(person.torchup("setup", "--answers", own, "--dry-run", "--json").stdout)
    (create,) = next(step for step in plan["steps"] if step["id"] == "environment")["commands"]
    assert "--override-channels" not in create["argv"]
