from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from torchup.errors import UsageError
from torchup.model.facts import System
from torchup.verify.interpreter import Choice, choose_interpreter

HOME = Path("/home/ada")


def choose(
    *there: str,
    asked: str | None = None,
    set_up: str | None = None,
    environment: str = "~/.venvs/torch",
    environ: Mapping[str, str] | None = None,
    commands: Mapping[str, str] | None = None,
    system: System = "linux",
    conda: tuple[str, ...] = (),
) -> Choice:
    return choose_interpreter(
        asked=asked,
        set_up=set_up,
        environment=environment,
        environ=environ or {},
        home=HOME,
        cwd=Path("/data"),
        system=system,
        exists=lambda path: str(path) in there,
        which=(commands or {}).get,
        conda_prefixes=lambda: conda,
    )


DEFAULT = "/home/ada/.venvs/torch/bin/python"
ACTIVE = "/envs/a/bin/python"


@pytest.mark.parametrize(
    ("asked", "there", "python"),
    [
        ("/opt/py/bin/python", ["/opt/py/bin/python"], "/opt/py/bin/python"),
        ("/opt/env", ["/opt/env", "/opt/env/bin/python"], "/opt/env/bin/python"),
        ("~/env", ["/home/ada/env/bin/python"], "/home/ada/env/bin/python"),
        ("env/bin/python", ["/data/env/bin/python"], "/data/env/bin/python"),
        ("env", ["/data/env/bin/python"], "/data/env/bin/python"),
        ("python3.12", [], "/usr/bin/python3.12"),
    ],
)
def test_what_is_asked_for(asked: str, there: list[str], python: str) -> None:
    choice = choose(*there, DEFAULT, asked=asked, set_up=DEFAULT, commands={"python3.12": "/usr/bin/python3.12"})
    assert choice.python == python
    assert choice.source.startswith("--python")


def test_what_is_asked_for_is_never_replaced() -> None:
    with pytest.raises(UsageError) as caught:
        choose(DEFAULT, asked="/opt/gone", set_up=DEFAULT)
    assert caught.value.code == "python-not-found"
    assert "/opt/gone" in caught.value.evidence[0]


def test_what_torchup_set_up_comes_before_the_usual_place() -> None:
    choice = choose(DEFAULT, "/data/env/bin/python", set_up="/data/env/bin/python")
    assert choice.python == "/data/env/bin/python"


def test_a_set_up_that_is_gone_gives_way() -> None:
    assert choose(DEFAULT, set_up="/data/env/bin/python").python == DEFAULT


def test_the_environment_of_the_answers() -> None:
    assert choose(DEFAULT, "/data/my env/bin/python", environment="my env").python == "/data/my env/bin/python"


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_active_environment_comes_last(variable: str) -> None:
    assert choose(ACTIVE, environ={variable: "/envs/a"}).python == ACTIVE
    assert choose(ACTIVE, DEFAULT, environ={variable: "/envs/a"}).python == DEFAULT


def test_nothing_to_verify_names_what_was_tried() -> None:
    with pytest.raises(UsageError) as caught:
        choose(set_up="/data/env/bin/python", environ={"VIRTUAL_ENV": "/envs/a"})
    assert caught.value.code == "no-environment"
    tried = "\n".join(caught.value.evidence)
    assert all(place in tried for place in ("/data/env/bin/python", "/home/ada/.venvs/torch", "/envs/a"))
    assert caught.value.hint


def test_a_conda_environment_on_windows_has_its_python_at_the_top() -> None:
    assert choose("/envs/a/python.exe", system="windows", environ={"CONDA_PREFIX": "/envs/a"}).python.endswith(
        "python.exe"
    )


CONDA = ("/opt/miniforge3", "/opt/miniforge3/envs/vision", "/scratch/nlp")


@pytest.mark.parametrize(
    ("asked", "python"),
    [
        ("vision", "/opt/miniforge3/envs/vision/bin/python"),
        ("base", "/opt/miniforge3/bin/python"),
        ("/opt/miniforge3/envs/vision", "/opt/miniforge3/envs/vision/bin/python"),
        ("nlp", "/scratch/nlp/bin/python"),
    ],
)
def test_a_conda_environment_by_its_name_or_prefix(asked: str, python: str) -> None:
    there = [f"{prefix}/bin/python" for prefix in CONDA]
    assert choose(*there, asked=asked, conda=CONDA).python == python


def test_a_name_that_is_nothing_lists_the_conda_environments() -> None:
    with pytest.raises(UsageError) as caught:
        choose(asked="visoin", conda=CONDA)
    assert "/opt/miniforge3/envs/vision" in "\n".join(caught.value.evidence)


def test_an_active_environment_beside_the_one_that_was_set_up_is_pointed_out() -> None:
    choice = choose(DEFAULT, ACTIVE, set_up=DEFAULT, environ={"VIRTUAL_ENV": "/envs/a"})
    assert choice.python == DEFAULT
    assert "--python /envs/a" in choice.source
