from __future__ import annotations

from dataclasses import replace

import pytest

from support.machines import machine, request_of
from torchup.errors import UsageError
from torchup.model.facts import MachineFacts, Python, User
from torchup.resolve.pythons import Interpreters, interpreters_of

LABELS = ("3.11", "3.12", "3.14t", "3.15", "3.9")


def _with(*pythons: Python) -> MachineFacts:
    return machine(pythons=pythons, user=User(home="/home/ann"))


def _found(facts: MachineFacts, **python_and_environment: str) -> Interpreters:
    answers = {"python": {"version": python_and_environment.pop("version", "auto")}}
    if python_and_environment:
        answers["environment"] = python_and_environment
    return interpreters_of(facts, request_of(answers), LABELS)


SYSTEM = Python(path="/usr/bin/python3", version="3.12.3", kind="system")
VENV = Python(path="/home/ann/.venvs/torch/bin/python", version="3.12.3", kind="venv")
THREADED = Python(path="/opt/3.14t/bin/python", version="3.14.2", free_threaded=True)


def test_best_first_and_free_threaded_last() -> None:
    old = Python(path="/usr/bin/python3.9", version="3.9.2")
    found = _found(_with(THREADED, old, SYSTEM))
    assert [python.label for python in found.usable] == ["3.12", "3.9", "3.14t"]
    assert not found.managed


def test_of_equal_versions_the_one_that_stays_is_taken() -> None:
    assert [python.path for python in _found(_with(VENV, SYSTEM)).usable] == [SYSTEM.path]


def test_what_cannot_carry_a_wheel_says_why() -> None:
    found = _found(_with(replace(SYSTEM, bits=32), replace(SYSTEM, path="/usr/bin/pypy3", implementation="PyPy")))
    assert found.usable == ()
    assert {refusal.code for refusal in found.refusals} == {"python-32-bit", "python-implementation"}
    assert any("/usr/bin/pypy3 is PyPy" in refusal.text for refusal in found.refusals)


@pytest.mark.parametrize(("wish", "label"), [("3.12", "3.12"), ("3.12.3", "3.12"), ("3.14t", "3.14t")])
def test_a_version_that_is_there(wish: str, label: str) -> None:
    assert [python.label for python in _found(_with(SYSTEM, THREADED), version=wish).usable] == [label]


@pytest.mark.parametrize("wish", ["3.13", "3.12.4", "3.14", "3.12t"])
def test_a_version_that_is_not_there(wish: str) -> None:
    found = _found(_with(SYSTEM, THREADED), version=wish)
    assert found.usable == ()
    assert [refusal.code for refusal in found.refusals] == ["python-missing"]
    assert found.refusals[0].text == f"Python {wish} is not on this machine; found 3.12.3 and 3.14.2t"


def test_a_path_with_or_without_tilde() -> None:
    for wish in (VENV.path, "~/.venvs/torch/bin/python"):
        assert [python.path for python in _found(_with(SYSTEM, VENV), version=wish).usable] == [VENV.path]
    missing = _found(_with(SYSTEM), version="/opt/python")
    assert (
        missing.refusals[0].text == "the interpreter /opt/python was not found on this machine; found /usr/bin/python3"
    )


def test_an_existing_environment_brings_its_own_python() -> None:
    found = _found(_with(SYSTEM, VENV), kind="existing", path="~/.venvs/torch")
    assert [python.path for python in found.usable] == [VENV.path]


def test_conda_and_an_unknown_machine_take_any_python_there_are_wheels_for() -> None:
    for found in (_found(_with(SYSTEM), kind="conda"), _found(_with())):
        assert [python.label for python in found.usable] == ["3.15", "3.12", "3.11", "3.9", "3.14t"]
        assert found.managed
        assert all(python.path is None for python in found.usable)
    assert [python.label for python in _found(_with(), version="3.13t").usable] == ["3.13t"]


def test_a_wish_that_is_no_python() -> None:
    with pytest.raises(UsageError) as caught:
        _found(_with(SYSTEM), version="snake")
    assert caught.value.code == "python-invalid"
