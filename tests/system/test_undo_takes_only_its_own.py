"""Undo takes back what torchup brought, and nothing that a person put there since: through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.command import TORCHUP, Person
from support.sandbox import tree
from support.terminal import DOWN, ENTER, TerminalSession
from support.tools import unavailable
from support.wheel_index import Slow, WheelIndex

ANY = ("py3", "none", "any")
MARKER = ".torchup-run"


@pytest.fixture
def environment(person: Person) -> Path:
    return person.home / ".venvs/torch"


@pytest.fixture
def site(environment: Path) -> Path:
    return environment / f"lib/python3.{sys.version_info.minor}/site-packages"


@pytest.fixture
def before(person: Person) -> dict[str, str]:
    return person.tree()


@pytest.fixture
def ready(person: Person, wanted: str, before: dict[str, str]) -> Person:
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    return person


def install(person: Person, environment: Path, *requirements: str) -> None:
    """Install as a person does who has uv; the interpreter of a stub environment has no pip."""
    argv = [find_uv_bin(), "pip", "install", "-q", "--python", f"{environment}/bin/python", "--index-strategy"]
    indexes = ["unsafe-best-match", "--default-index", person.environ["PIP_INDEX_URL"]]
    assert person.index is not None
    more = ["--index", person.index.url("whl/cpu")]
    subprocess.run([*argv, *indexes, *more, *requirements], env=person.environ, check=True)


def undo(person: Person, *arguments: str) -> subprocess.CompletedProcess[str]:
    return person.torchup("undo", "--yes", *arguments)


def foretold(person: Person) -> dict[str, list[str]]:
    """What a dry run says would go and would stay; it changes nothing."""
    there = tree(person.home, leave_out=())
    done = person.torchup("undo", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert tree(person.home, leave_out=()) == there
    found = json.loads(done.stdout)["undo"]
    kept = [item for left in found["left"] for item in left["kept"]]
    return {"removed": found["removed"], "restored": found["restored"], "kept": kept}


def test_files_of_a_person_stay_and_are_named(
    ready: Person, environment: Path, site: Path, before: dict[str, str]
) -> None:
    mine = {
        "experiment.ipynb": b"{}\n",
        "data/set-1/train.csv": b"1,2\n",
        "bin/train": b"#!/bin/sh\n",
        f"{site.relative_to(environment)}/mine.py": b"x = 1\n",
        f"{site.relative_to(environment)}/torch/patch.py": b"y = 2\n",
    }
    for name, content in mine.items():
        (environment / name).parent.mkdir(parents=True, exist_ok=True)
        (environment / name).write_bytes(content)
    (environment / "empty").mkdir()
    told = foretold(ready)
    assert "torch 2.15.0+cpu" in told["removed"]
    assert str(environment) not in told["removed"]
    kept = [f"{environment}/{name}" for name in mine if not name.startswith("data")]
    assert sorted(told["kept"]) == sorted(
        [*kept, f"{environment}/data/", f"{environment}/empty/", *_parent(environment)]
    )
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert "undo-incomplete" in done.stderr
    for name in ("experiment.ipynb", "data/", "bin/train"):
        assert name in done.stderr
    assert f"rm -rf {environment}" in done.stderr
    for name, content in mine.items():
        assert (environment / name).read_bytes() == content
    assert {path.name for path in environment.iterdir()} == {"experiment.ipynb", "data", "bin", "empty", "lib", MARKER}
    assert not (site / "torch/__init__.py").exists()
    nothing_is_expected_of_what_was_taken_back(ready, environment)
    shutil.move(environment / "experiment.ipynb", ready.home)
    for name in ("data", "empty", "bin", "lib"):
        shutil.rmtree(environment / name)
    again = undo(ready)
    assert again.returncode == 0, again.stderr
    (ready.home / "experiment.ipynb").unlink()
    assert ready.tree() == before


def nothing_is_expected_of_what_was_taken_back(person: Person, environment: Path) -> None:
    """Of an environment that undo has left only for what is a person's, doctor does not speak."""
    diagnosis = person.torchup("doctor", "--no-test", "--json")
    assert str(environment) not in diagnosis.stderr
    assert not json.loads(diagnosis.stdout)["python"]


def test_an_environment_that_a_person_removed_is_what_doctor_speaks_of(ready: Person, environment: Path) -> None:
    shutil.rmtree(environment)
    done = ready.torchup("doctor", "--no-test")
    said = "".join(done.stderr.split())  # where lines break depends on the folder
    assert f"Lookingat{environment}/bin/python(theenvironmentthattorchupsetup)" in said
    assert "(None)" not in done.stdout
    assert done.stdout.startswith("BROKEN")


def test_status_does_not_say_of_the_test_what_the_journal_does_not_tell(ready: Person) -> None:
    steps = json.loads(ready.torchup("status", "--json").stdout)["run"]["steps"]
    assert {step["state"] for step in steps} == {"done"}


def _parent(environment: Path) -> list[str]:
    return [str(environment.parent)]


def test_packages_that_came_later_stay_with_their_files(
    ready: Person, environment: Path, site: Path, index: WheelIndex
) -> None:
    index.simple().add("einops", "0.8.0", tags=ANY, files={"einops/data.txt": "of einops\n"})
    index.pytorch("cpu").add("torchvision", "0.30.0+cpu", files={"torchvision/new.py": "new = True\n"})
    install(ready, environment, "einops", "torchvision==0.30.0+cpu")
    theirs = {path: path.read_bytes() for name in ("einops", "torchvision") for path in _of(site, name)}
    assert len(theirs) > 6
    told = foretold(ready)
    assert "torch 2.15.0+cpu" in told["removed"]
    assert {"einops 0.8.0", "torchvision 0.30.0+cpu"} <= set(told["kept"])
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert "einops 0.8.0, torchvision 0.30.0+cpu" in done.stderr
    assert {path: path.read_bytes() for path in theirs} == theirs
    assert not (site / "torch").exists()


def _of(site: Path, name: str) -> list[Path]:
    folders = [site / name, *site.glob(f"{name}-*.dist-info")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_a_file_of_ours_that_a_person_edited_stays(ready: Person, environment: Path, site: Path) -> None:
    edited = {site / "torch/version.py": b"edited = True\n", environment / "bin/activate": b"# mine\n"}
    for path, content in edited.items():
        path.unlink()  # a hard link to the cache
        path.write_bytes(content)
    same_size = site / "torchvision/__init__.py"
    content = same_size.read_bytes()
    same_size.unlink()
    same_size.write_bytes(content[:-2] + b"#\n")
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert {path: path.read_bytes() for path in edited} == edited
    assert same_size.read_bytes() == content[:-2] + b"#\n"


def test_what_somebody_wrote_into_a_list_of_files_is_not_ours_by_that(ready: Person, site: Path) -> None:
    """A line without a digest says nothing about the file that it names."""
    (site / "mine.py").write_text("x = 1\n")
    record = next(site.glob("torch-*/RECORD"))
    text = record.read_text()
    record.unlink()  # a hard link to the cache
    record.write_text(f"{text}mine.py,,\n")
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert (site / "mine.py").read_text() == "x = 1\n"
    assert not (site / "torch").exists()


def test_what_is_mounted_in_an_environment_is_not_emptied(ready: Person, site: Path) -> None:
    """A source of the person's, mounted from the same file system, has the same device and the same bytes."""
    source = ready.home / "source of torch"
    shutil.copytree(site / "torch", source)
    there = tree(source)
    mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    inside = ["unshare", "-m", "sh", "-c", mount, "sh", str(source), str(site / "torch")]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        unavailable("nothing can be mounted here")
    done = subprocess.run(
        [*inside, TORCHUP, "undo", "--yes"], env=ready.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 5, done.stderr
    assert f"{(site / 'torch').relative_to(site.parents[2])}/" in done.stderr
    assert tree(source) == there


def lines_that_nobody_can_read(site: Path) -> None:
    record = next(site.glob("torch-*/RECORD"))
    text = record.read_text()
    record.unlink()
    odd = ("x" * 200_000, "a.py,sha256=!!!,\N{SUPERSCRIPT TWO}", f"b.py,sha256=abc,{'9' * 5000}", '"never closed')
    record.write_text(text + "".join(f"{line}\n" for line in odd))


def a_pipe_for_a_list_of_files(site: Path) -> None:
    record = next(site.glob("torch-*/RECORD"))
    record.unlink()
    os.mkfifo(record)


def a_pipe_for_a_module(site: Path) -> None:
    (site / "torch/version.py").unlink()
    os.mkfifo(site / "torch/version.py")


def a_pipe_for_the_marker(site: Path) -> None:
    marker = site.parents[2] / MARKER
    marker.unlink()
    os.mkfifo(marker)


def a_pipe_for_the_settings(site: Path) -> None:
    settings = site.parents[2] / "pyvenv.cfg"
    settings.unlink()
    os.mkfifo(settings)


@pytest.mark.skipif(os.name == "nt", reason="named pipes are files only where there is mkfifo")
@pytest.mark.parametrize(
    "damage",
    [
        lines_that_nobody_can_read,
        a_pipe_for_a_list_of_files,
        a_pipe_for_a_module,
        a_pipe_for_the_marker,
        a_pipe_for_the_settings,
    ],
)
def test_nothing_in_an_environment_stops_an_undo(ready: Person, wanted: str, site: Path, damage: object) -> None:
    assert callable(damage)
    damage(site)
    again = ready.torchup("setup", "--answers", wanted, timeout=60)
    assert "internal-error" not in again.stderr
    done = ready.torchup("undo", "--yes", timeout=60)
    assert done.returncode in (0, 5), done.stderr


def test_a_set_up_says_that_an_undo_has_left_something_in_the_way(
    ready: Person, environment: Path, wanted: str
) -> None:
    (environment / "experiment.ipynb").write_text("{}")
    assert undo(ready).returncode == 5
    for _ in range(2):
        refused = ready.torchup("setup", "--answers", wanted)
        assert refused.returncode == 6
        assert "what an undo left" in refused.stderr
        assert "undo` takes the rest" in " ".join(refused.stderr.split())
        (environment / "experiment.ipynb").unlink(missing_ok=True)
    assert undo(ready).returncode == 0
    assert ready.torchup("setup", "--answers", wanted).returncode == 0


def another_folder(environment: Path) -> None:
    shutil.rmtree(environment)
    environment.mkdir()
    (environment / "thesis.tex").write_text("mine")


def another_environment(environment: Path) -> None:
    shutil.rmtree(environment)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)


def a_copy_without_the_marker(environment: Path) -> None:
    environment.rename(environment.with_name("old"))
    shutil.copytree(environment.with_name("old"), environment, symlinks=True)
    (environment / MARKER).unlink()


def a_link(environment: Path) -> None:
    place = environment.parent.parent / "elsewhere"
    environment.rename(place)
    environment.symlink_to(place)


def a_link_above(environment: Path) -> None:
    place = environment.parent.parent / "big-disk"
    environment.parent.rename(place)
    environment.parent.symlink_to(place)


def a_file(environment: Path) -> None:
    shutil.rmtree(environment)
    environment.write_text("mine")


@pytest.mark.parametrize(
    "replace", [another_folder, another_environment, a_copy_without_the_marker, a_link, a_link_above, a_file]
)
def test_what_has_taken_the_place_of_the_environment_stays(ready: Person, environment: Path, replace: object) -> None:
    assert callable(replace)
    replace(environment)
    there = tree(environment) if environment.is_dir() else environment.read_bytes()
    told = foretold(ready)
    assert str(environment) in told["kept"]
    assert not [item for item in told["removed"] if item.startswith((f"{environment}", "torch "))]
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert "undo-incomplete" in done.stderr
    assert str(environment) in done.stderr
    assert (tree(environment) if environment.is_dir() else environment.read_bytes()) == there


def test_an_environment_that_has_taken_the_place_is_not_filled_either(
    ready: Person, environment: Path, wanted: str
) -> None:
    another_environment(environment)
    there = tree(environment)
    done = ready.torchup("setup", "--answers", wanted)
    assert done.returncode == 6, done.stderr
    assert "environment-exists" in done.stderr
    assert tree(environment) == there


def test_a_folder_that_is_in_use_by_now_stays_and_is_no_fault(ready: Person, environment: Path) -> None:
    other = environment.with_name("other")
    other.mkdir()
    done = undo(ready)
    assert done.returncode == 0, done.stderr
    assert f"in use: {environment.parent}" in " ".join(done.stdout.split())
    assert [path.name for path in environment.parent.iterdir()] == ["other"]


def test_an_environment_that_came_back_from_a_backup_is_taken_back(
    ready: Person, environment: Path, before: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(environment, tmp_path / "backup", symlinks=True)
    shutil.rmtree(environment)
    shutil.copytree(tmp_path / "backup", environment, symlinks=True)
    done = undo(ready)
    assert done.returncode == 0, done.stderr
    assert ready.tree() == before


def test_a_folder_of_ours_that_was_made_anew_stays(ready: Person, environment: Path) -> None:
    environment.parent.rename(ready.home / "old")
    (ready.home / "placeholder").mkdir()  # takes the inode that became free, if any did
    environment.parent.mkdir()
    done = undo(ready)
    assert done.returncode == 5, done.stderr
    assert f"{environment.parent} is another folder" in " ".join(done.stderr.split())
    assert environment.parent.is_dir()


@pytest.fixture
def theirs(person: Person, index: WheelIndex) -> Path:
    """An environment of the person, with a package that torchup is going to replace."""
    place = person.home / "theirs"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    index.simple().add("sympy", "1.12", tags=ANY).add("sympy", "1.14", tags=ANY).add("numpy", "2.0", tags=ANY)
    index.pytorch("cpu").add("torch", "2.17.0+cpu", requires=["sympy>=1.13"])
    index.simple().add("torch", "2.17.0")
    install(person, place, "sympy==1.12", "numpy")
    return place


def into_theirs(person: Person, index: WheelIndex) -> None:
    answers = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\nshell: {{shells: none}}\n"
        "torch: {packages: [torch]}\nenvironment: {kind: existing, path: ~/theirs}\n"
    )
    done = person.torchup("setup", "--answers", answers)
    assert done.returncode == 0, done.stderr
    assert person.installed("theirs") == {"torch": "2.17.0+cpu", "sympy": "1.14", "numpy": "2.0"}


def test_of_an_existing_environment_only_what_the_run_put_in_is_taken_out(
    person: Person, index: WheelIndex, theirs: Path
) -> None:
    into_theirs(person, index)
    index.simple().add("einops", "0.8.0", tags=ANY)
    install(person, theirs, "einops")
    told = foretold(person)
    assert "torch 2.17.0+cpu" in told["removed"]
    assert "sympy 1.12" in told["restored"]
    done = undo(person)
    assert done.returncode == 0, done.stderr
    assert person.installed("theirs") == {"sympy": "1.12", "numpy": "2.0", "einops": "0.8.0"}


def test_a_package_of_an_existing_environment_that_was_changed_since_stays(
    person: Person, index: WheelIndex, theirs: Path
) -> None:
    into_theirs(person, index)
    index.simple().add("sympy", "1.15", tags=ANY)
    install(person, theirs, "sympy==1.15")
    version = next(theirs.glob("lib/python3*/site-packages/torch/version.py"))
    version.unlink()
    version.write_bytes(b"edited = True\n")
    done = undo(person)
    assert done.returncode == 5, done.stderr
    assert "sympy is 1.15 by now" in " ".join(done.stderr.split())
    assert "torch/version.py" in done.stderr
    assert person.installed("theirs") == {"torch": "2.17.0+cpu", "sympy": "1.15", "numpy": "2.0"}
    assert version.read_bytes() == b"edited = True\n"


def test_an_existing_environment_that_was_made_anew_stays(person: Person, index: WheelIndex, theirs: Path) -> None:
    into_theirs(person, index)
    theirs.rename(person.home / "old")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", theirs], check=True)
    install(person, theirs, "torch==2.17.0+cpu")
    there = tree(theirs)
    done = undo(person)
    assert done.returncode == 5, done.stderr
    assert tree(theirs) == there


@pytest.fixture
def half_made(person: Person, wanted: str, index: WheelIndex, before: dict[str, str]) -> Person:
    """A run that was killed while a package was on its way."""
    index.pytorch("cpu").add("torch", "2.17.0+cpu", requires=("slowpoke==1.0",))
    index.simple().add("slowpoke", "1.0")
    index.fault("/simple/slowpoke/", Slow(60), times=1)
    process = person.start("setup", "--answers", wanted)
    while not index.seen("/whl/cpu/slowpoke"):
        assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    index.heal()
    return person


def test_a_half_made_environment_goes_but_for_what_is_a_persons(
    half_made: Person, environment: Path, before: dict[str, str]
) -> None:
    (environment / "experiment.ipynb").write_text("{}")
    resumed = half_made.torchup("resume")
    assert resumed.returncode == 6, resumed.stderr
    assert "environment-in-use" in resumed.stderr
    assert "experiment.ipynb" in resumed.stderr
    done = undo(half_made)
    assert done.returncode == 5, done.stderr
    assert (environment / "experiment.ipynb").read_text() == "{}"
    assert {path.name for path in environment.iterdir()} == {"experiment.ipynb", MARKER}
    (environment / "experiment.ipynb").unlink()
    assert undo(half_made).returncode == 0
    assert half_made.tree() == before


def test_what_would_go_is_listed_and_goes(ready: Person, environment: Path, before: dict[str, str]) -> None:
    told = foretold(ready)
    assert {"torch 2.15.0+cpu", "torchvision 0.29.2+cpu", str(environment), str(environment.parent)} <= {
        *told["removed"]
    }
    assert {f"{ready.home}/.bashrc", f"{ready.home}/.zshrc"} == {*told["restored"]}
    assert told["kept"] == []
    shown = ready.torchup("undo", "--dry-run").stdout
    for item in (*told["removed"], *told["restored"]):
        assert "".join(item.split()) in "".join(shown.split())
    assert "would be removed" in shown
    done = undo(ready, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["undo"]
    assert (found["removed"], found["restored"], found["left"]) == (told["removed"], told["restored"], [])
    assert ready.tree() == before


def test_undo_asks_on_a_terminal_and_without_one_it_is_refused(ready: Person, before: dict[str, str]) -> None:
    there = ready.tree()
    refused = ready.torchup("undo")
    assert refused.returncode == 6
    assert "error[no-terminal]" in refused.stderr
    assert "--yes" in refused.stderr
    assert "--dry-run" in refused.stderr
    for keys, after in ((("2", ENTER), there), (("1", ENTER), before)):
        with TerminalSession(
            [str(TORCHUP), "undo", "--plain"], environ=ready.environ, folder=ready.home, rows=60
        ) as terminal:
            terminal.expect_text("Take this back?", seconds=30)
            assert "torch 2.15.0+cpu" in " ".join(terminal.text.split())
            terminal.send(*keys)
            assert terminal.finish() == 0
        assert ready.tree() == after


def test_the_question_has_arrow_keys(ready: Person) -> None:
    there = ready.tree()
    with TerminalSession([str(TORCHUP), "undo"], environ=ready.environ, folder=ready.home, rows=60) as terminal:
        terminal.expect_text("Take this back?", seconds=30)
        terminal.send(DOWN, ENTER)
        assert terminal.finish() == 0
        assert "Nothing was changed." in terminal.text
    assert ready.tree() == there
