"""What a shell sets for pip and uv reaches them only where torchup knows its meaning: against the real pip and uv."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.command import Person
from support.wheel_index import WheelIndex

NOWHERE = "/nowhere/at-all"
# All of them, one by one, only in the night: pip takes a second to fail.
CONTROLLED = ("PIP_REQUIREMENT", "PIP_TARGET", "PIP_Target", "UV_CONSTRAINT", "UV_EXCLUDE_NEWER", "UV_TORCH_BACKEND")
# Each alone makes a plain installation into a fresh environment fail, or lets it end elsewhere.
OF_PIP = {
    "PIP_REQUIREMENT": NOWHERE,
    "PIP_CONSTRAINT": NOWHERE,
    "PIP_PLATFORM": "win_amd64",
    "PIP_PYTHON_VERSION": "2.7",
    "PIP_IMPLEMENTATION": "pp",
    "PIP_ABI": "none",
    "PIP_PYTHON": NOWHERE,
    "PIP_TARGET": "here",
    "PIP_PREFIX": "here",
    "PIP_ROOT": "here",
    "PIP_USER": "1",
    "PIP_DRY_RUN": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_EDITABLE": NOWHERE,
    "PIP_USE_FEATURE": "no-such-feature",
    "PIP_Target": "here",
}
OF_UV = {
    "UV_CONSTRAINT": NOWHERE,
    "UV_OVERRIDE": NOWHERE,
    "UV_BUILD_CONSTRAINT": NOWHERE,
    "UV_EXCLUDE": NOWHERE,
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_OFFLINE": "1",
    "UV_REQUIRE_HASHES": "1",
    "UV_TORCH_BACKEND": "cu126",
    "UV_PYTHON_PREFERENCE": "nonsense",
    "UV_RESOLUTION": "nonsense",
    "UV_PRERELEASE": "nonsense",
    "UV_INDEX_STRATEGY": "nonsense",
    "UV_FORK_STRATEGY": "nonsense",
}


@pytest.fixture(scope="module")
def index() -> WheelIndex:  # type: ignore[misc]
    with WheelIndex() as server:
        server.pytorch("cpu").add("torch", "2.15.0+cpu")
        server.simple().add("torch", "2.15.0")
        yield server


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip in it, for the installers as a person calls them."""
    place = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    return place


@pytest.mark.parametrize("name", [*OF_PIP, *OF_UV] if os.environ.get("TORCHUP_NIGHTLY") else CONTROLLED)
def test_the_variable_matters_to_the_tool_itself(name: str, bare: Path, index: WheelIndex, tmp_path: Path) -> None:
    """Each row is a trap only while the tool falls into it."""
    python = str(bare / "bin/python")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    pip = (python, "-m", "pip", "install", "--no-deps", "--index-url", index.url("whl/cpu"), "torch")
    uv = (
        find_uv_bin(),
        "pip",
        "install",
        "--python",
        python,
        "--no-deps",
        "--default-index",
        index.url("whl/cpu"),
        "torch",
    )
    value = (OF_PIP | OF_UV)[name]
    command = [*(uv if name in OF_UV else pip), "--force-reinstall" if name in OF_PIP else "--reinstall"]
    ran = subprocess.run(
        command, env={**environ, name: value}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    there = next((bare / "lib").glob("python3*")) / "site-packages/torch"
    assert ran.returncode != 0 or not there.exists(), ran.stdout + ran.stderr
    subprocess.run([find_uv_bin(), "pip", "uninstall", "-q", "--python", python, "torch"], env=environ, check=False)


@pytest.mark.parametrize(("tool", "settings"), [("pip", OF_PIP), ("uv", OF_UV)])
def test_a_set_up_with_all_of_them_set(tool: str, settings: dict[str, str], person: Person, wanted: str) -> None:
    person.environ |= settings
    done = person.torchup("setup", "--answers", wanted, "--set", f"environment.installer={tool}", "--json")
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0+cpu"
    said = " ".join(done.stderr.split())
    assert f"{tool} runs without " in said
    for name in settings:
        assert name in said
    assert said.count("runs without") == 1


def test_a_script_leaves_out_the_same(person: Person, wanted: str, tmp_path: Path) -> None:
    for tool, settings in (("uv", OF_UV), ("pip", OF_PIP)):
        wish = ("--answers", wanted, "--set", f"environment.installer={tool}")
        script = person.torchup("setup", *wish, "--dry-run").stdout
        file = tmp_path / "script.sh"
        file.write_text(script)
        ran = subprocess.run(
            ["/bin/sh", str(file)],
            env={**person.environ, **settings, "PYTHONPATH": NOWHERE, "PYTHONHOME": NOWHERE, "CONDA_SUBDIR": "win-64"},
            cwd=person.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr
        assert person.installed()["torch"] == "2.15.0+cpu"
        subprocess.run(["/bin/rm", "-rf", str(person.home)], check=True)
        person.__post_init__()


def test_what_says_nothing_is_not_mentioned(person: Person, wanted: str) -> None:
    quiet = {
        "UV_PUBLISH_URL": "x",
        "UV_TOOL_DIR": "/x",
        "VIRTUAL_ENV": "/x",
        "CONDA_SHLVL": "1",
        "CONDA_PREFIX": "/x",
        "PYTHONSTARTUP": "/x",
        "UV_CACHE_DIR": person.environ["UV_CACHE_DIR"],
        "UV_HTTP_TIMEOUT": "60",
        "PIP_TARGET": "/x",
    }
    person.environ |= quiet
    ran = person.torchup("setup", "--answers", wanted, "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "runs without" not in ran.stderr


def test_a_relative_path_is_meant_from_the_persons_folder(person: Person, wanted: str) -> None:
    ran = person.torchup("setup", "--answers", wanted, UV_CACHE_DIR="kept-here")
    assert ran.returncode == 0, ran.stderr
    assert (person.home / "kept-here").is_dir()


def test_the_sentence_is_in_the_json_too(person: Person, wanted: str) -> None:
    plan = json.loads(person.torchup("setup", "--answers", wanted, "--dry-run", "--json", UV_OVERRIDE=NOWHERE).stdout)
    assert "UV_OVERRIDE" in json.dumps(plan["warnings"] if "warnings" in plan else plan["plan"]["warnings"])
