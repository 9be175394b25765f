"""A toolkit of wheels, extras, an existing environment and a lock, through the command, with real uv and stub wheels."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.command import Person
from support.wheel_index import WheelIndex, native_tags

ANY = ("py3", "none", "any")
HOME = "nvidia/cu13"


def stock(index: WheelIndex) -> None:
    """Put a toolkit of two releases on the simple index, as NVIDIA's wheels lie in an environment."""
    shelf = index.simple()
    for release in ("13.0.88", "13.1.80"):
        for name, files in {
            "nvidia-cuda-nvcc": {
                f"{HOME}/bin/nvcc": "#!/bin/sh\necho Cuda compilation tools, release 13.0, V13.0.88\n"
            },
            "nvidia-cuda-crt": {f"{HOME}/include/crt/host_config.h": "\n"},
            "nvidia-nvvm": {f"{HOME}/nvvm/bin/cicc": "\n"},
            "nvidia-cuda-runtime": {f"{HOME}/lib/libcudart.so.13": f"{release}\n"},
            "nvidia-cuda-cccl": {f"{HOME}/include/cccl/cub.h": "\n"},
        }.items():
            requires = ["nvidia-cuda-runtime", "nvidia-nvvm"] if name == "nvidia-cuda-nvcc" else []
            shelf.add(name, release, tags=ANY, files=files, requires=requires)
    shelf.add("nvidia-cuda-nvcc", "0.0.1.dev5", tags=ANY)


@pytest.fixture
def site() -> str:
    return f"lib/python3.{native_tags()[0][3:]}/site-packages"


def answers(person: Person, index: WheelIndex, more: str, name: str = "more.yaml") -> str:
    return person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\n{more}\n", name
    )


TOOLKIT = 'cuda_toolkit: {source: wheel, version: "13.0"}\nshell: {shells: [bash]}'


def test_a_toolkit_of_wheels_is_what_new_shells_compile_with(person: Person, index: WheelIndex, site: str) -> None:
    stock(index)
    before = person.tree()
    wanted = answers(person, index, TOOLKIT)
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    assert person.installed()["nvidia-cuda-nvcc"] == "13.0.88"
    assert person.installed()["torch"] == "2.15.0+cpu"
    home = person.home / ".venvs/torch" / site / HOME
    assert (home / "lib64/libcudart.so").read_text() == "13.0.88\n"
    assert person.shell_value("bash", "CUDA_HOME") == str(home)
    assert person.shell_value("bash", "PATH").startswith(f"{home}/bin:")
    again = person.torchup("setup", "--answers", wanted, "--dry-run", "--exit-code")
    assert again.returncode == 0, again.stdout
    assert person.torchup("undo", "--yes").returncode == 0
    assert person.tree() == before


def test_undo_takes_the_toolkit_out_of_an_existing_environment(person: Person, index: WheelIndex, site: str) -> None:
    stock(index)
    environment = existing(person, index, "torch==2.15.0+cpu", "torchvision==0.29.2+cpu")
    before = quiet(person)
    done = person.torchup("setup", "--answers", answers(person, index, f"{NAMED}\n{TOOLKIT}"))
    assert done.returncode == 0, done.stderr
    assert (environment / site / HOME / "lib64").is_symlink()
    assert "nvidia-cuda-nvcc 13.0.88" in done.stderr  # it was said before that it is new there
    assert person.torchup("undo", "--yes").returncode == 0
    assert quiet(person) == before


def test_a_build_of_cuda_12_is_told_before_anything_is_done(person: Person, index: WheelIndex) -> None:
    stock(index)
    before = person.tree()
    wanted = answers(person, index, 'cuda_toolkit: {source: wheel, version: "12.6"}')
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 7
    assert "no nvcc" in done.stderr
    assert "source: system" in done.stderr
    assert person.tree() == before


def test_a_placeholder_is_no_extra(person: Person, index: WheelIndex) -> None:
    done = person.torchup(
        "setup", "--answers", answers(person, index, "environment: {extras: [nvidia-cuda-nvcc-cu13]}")
    )
    assert done.returncode == 2
    assert "placeholder" in done.stderr


def test_extras_never_move_pytorch(person: Person, index: WheelIndex) -> None:
    index.simple().add("follower", "2.0", tags=ANY, requires=["torch>=2.16"]).add(
        "follower", "1.0", tags=ANY, requires=["torch>=2.1"]
    )
    index.pytorch("cpu").add("torch", "2.16.0+cpu")
    pinned = "torch: {version: ==2.15.0, packages: [torch]}\n"
    done = person.torchup("setup", "--answers", answers(person, index, pinned + "environment: {extras: [follower]}"))
    assert done.returncode == 0, done.stderr
    assert person.installed() == {"torch": "2.15.0+cpu", "follower": "1.0"}
    assert person.torchup("undo", "--yes").returncode == 0
    before = person.tree()
    wish = answers(person, index, pinned + 'environment: {extras: ["follower>=2"]}', "two.yaml")
    refused = person.torchup("setup", "--answers", wish)
    assert refused.returncode == 1
    assert "extras-conflict" in refused.stderr
    assert "follower" in refused.stderr
    assert "torch" in refused.stderr
    assert person.tree() == before


NAMED = "environment: {kind: existing, path: ~/work/env}"


def existing(person: Person, index: WheelIndex, *packages: str) -> Path:
    """Make an environment by hand."""
    environment = person.home / "work/env"
    sources = ["--no-index", "--find-links", f"{person.home}-wheels"]
    for shelf in (index.pytorch("cpu"), index.simple()):
        for wheel, _ in shelf.wheels:
            wheel.write(Path(f"{person.home}-wheels"))
    run = partial(subprocess.run, env=person.environ, check=True, capture_output=True)
    run([find_uv_bin(), "venv", "--no-config", "--no-project", "--python", sys.executable, environment])
    run([find_uv_bin(), "pip", "install", "--python", environment / "bin/python", *sources, *packages])
    return environment


def quiet(person: Person) -> dict[str, str]:
    return {path: text for path, text in person.tree().items() if "__pycache__" not in path}


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_changes_in_an_existing_environment_is_said_first(
    person: Person, index: WheelIndex, installer: str
) -> None:
    index.simple().add("old-user", "1.0", tags=ANY, requires=["torch<2.15"])
    environment = existing(person, index, "torch==2.14.1+cpu", "old-user")
    if installer == "pip":
        give_pip(environment)
    before = quiet(person)
    named = f"environment: {{kind: existing, path: ~/work/env, installer: {installer}}}\ntorch: {{packages: [torch]}}"
    done = person.torchup("setup", "--answers", answers(person, index, named), "--dry-run")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "torch 2.14.1+cpu becomes 2.15.0+cpu" in said
    assert "old-user 1.0 needs torch<2.15 and gets torch 2.15.0+cpu" in said
    assert "becomes" not in done.stdout
    assert quiet(person) == before


def give_pip(environment: Path) -> None:
    """Copy pip and its metadata from the environment of the tests, which needs no download."""
    distribution = importlib.metadata.distribution("pip")
    root = Path(str(distribution.locate_file("")))
    site = next(environment.glob("lib/python3*/site-packages"))
    for name in ("pip", f"pip-{distribution.version}.dist-info"):
        shutil.copytree(root / name, site / name)


def locked(person: Person, index: WheelIndex) -> Path:
    """Set up once, keep the lock, and put everything back."""
    stock(index)
    done = person.torchup("setup", "--answers", answers(person, index, TOOLKIT))
    assert done.returncode == 0, done.stderr
    lock = person.home.parent / "mine.lock"
    shutil.copy(person.home / ".venvs/torch/pylock.toml", lock)
    assert person.torchup("undo", "--yes").returncode == 0
    return lock


QUIET = ("--set", "verify.level=none", "--set", "shell.shells=[bash]")


def test_a_lock_makes_the_same_environment_again(person: Person, index: WheelIndex, site: str) -> None:
    lock = locked(person, index)
    before = person.tree()
    # Newer builds do not matter, and no page of an index is read.
    index.pytorch("cpu").add("torch", "2.16.0+cpu")
    index.simple().add("nvidia-cuda-nvcc", "13.0.99", tags=ANY)
    index.forget_seen()
    dry = person.torchup("setup", "--from-lock", str(lock), *QUIET, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert person.tree() == before
    done = person.torchup("setup", "--from-lock", str(lock), *QUIET)
    assert done.returncode == 0, done.stderr
    assert person.installed() == {
        "torch": "2.15.0+cpu",
        "torchvision": "0.29.2+cpu",
        "nvidia-cuda-nvcc": "13.0.88",
        "nvidia-cuda-crt": "13.0.88",
        "nvidia-nvvm": "13.0.88",
        "nvidia-cuda-cccl": "13.0.88",
        "nvidia-cuda-runtime": "13.0.88",
    }
    assert not [request.path for request in index.seen() if request.path.endswith("/")]
    assert person.shell_value("bash", "CUDA_HOME").endswith(f"{site}/{HOME}")
    assert (person.home / ".venvs/torch" / site / HOME / "lib64").is_symlink()
    assert (person.home / ".venvs/torch/pylock.toml").read_bytes() == lock.read_bytes()
    again = person.torchup("setup", "--from-lock", str(lock), *QUIET, "--dry-run", "--exit-code")
    assert again.returncode == 0, again.stdout
    # What the dry run printed is what was done.
    steps = [step["id"] for step in json.loads(dry.stdout)["steps"]]
    assert steps[steps.index("environment") + 1 :][:3] == ["lock", "packages", "cuda-link:lib64"]
    assert person.torchup("undo", "--yes").returncode == 0
    assert person.tree() == before


def test_a_file_that_is_not_the_locked_one_is_not_installed(person: Person, index: WheelIndex) -> None:
    lock = locked(person, index)
    before = person.tree()
    text = lock.read_text()
    at = text.index('name = "torch"')
    digest = text.index('sha256 = "', at) + len('sha256 = "')
    lock.write_text(text[:digest] + "0" * 64 + text[digest + 64 :])
    done = person.torchup("setup", "--from-lock", str(lock), *QUIET, UV_NO_CACHE="1")
    assert done.returncode == 1
    assert "hash-mismatch" in done.stderr
    assert person.tree() == before


def test_a_lock_of_another_python_is_refused_and_a_broken_one_named(person: Person, index: WheelIndex) -> None:
    lock = locked(person, index)
    before = person.tree()
    tag = native_tags()[0]
    lock.write_text(lock.read_text().replace(f"{tag}-{tag}", "cp39-cp39"))
    done = person.torchup("setup", "--from-lock", str(lock), *QUIET)
    assert done.returncode == 7
    assert "3.9" in done.stderr
    lock.write_text("torch==2.15.0\n")
    broken = person.torchup("setup", "--from-lock", str(lock), *QUIET)
    assert broken.returncode == 2
    assert "lock-invalid" in broken.stderr
    assert person.tree() == before
