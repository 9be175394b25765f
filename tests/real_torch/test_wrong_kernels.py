"""Each numeric check passes with the right operation and fails with every wrong one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import wrong_kernels
from support.wrong_kernels import CASES, MUST_BE_DISCARDED, MUST_PASS, MUST_WARN, load_probe

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]

Answers = dict[str, list[Any]]


@pytest.fixture(scope="module")
def answers(python_with_torch: Path) -> Answers:
    done = subprocess.run(
        [python_with_torch, wrong_kernels.__file__], capture_output=True, text=True, timeout=1800, check=True
    )
    found: Answers = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", sorted(MUST_PASS))
def test_a_right_operation_passes(answers: Answers, name: str) -> None:
    status, _, detail = answers[name]
    assert status == "pass", detail


@pytest.mark.parametrize("name", sorted(set(CASES) - MUST_PASS - MUST_WARN - MUST_BE_DISCARDED))
def test_a_wrong_operation_fails(answers: Answers, name: str) -> None:
    status, hint, detail = answers[name]
    assert status == "fail", detail
    assert hint is not None
    assert hint != "operation-failed", f"it must fail by its numbers, not by an exception: {detail}"


@pytest.mark.parametrize("name", sorted(MUST_WARN))
def test_what_is_slow_or_past_is_a_warning(answers: Answers, name: str) -> None:
    status, hint, detail = answers[name]
    assert status == "warn", detail
    assert hint is not None


@pytest.mark.parametrize("name", sorted(MUST_BE_DISCARDED))
def test_what_is_too_fast_to_be_true_is_no_measurement(answers: Answers, name: str) -> None:
    status, hint, detail = answers[name]
    assert (status, hint) == ("error", "timing-wrong"), detail


def test_tf32_is_named_when_the_error_looks_like_it(answers: Answers) -> None:
    assert answers["matmul-fp32/tf32-inputs"][1] == "tf32-forced"
    assert answers["matmul-fp32/off-by-one"][1] == "wrong-results"


def test_every_numeric_check_has_wrong_operations() -> None:
    tried = {name.partition("/")[0] for name in set(CASES) - MUST_PASS}
    # These ask about the installation and compute nothing whose value could be wrong.
    no_numbers = {"build", "visible", "arch", "companions"}
    # The same function under the name that it has on NVIDIA GPUs.
    under_another_name = {"cudnn"}
    assert {spec.id for spec in load_probe().CHECKS} - no_numbers - under_another_name == tried


def test_every_numeric_check_has_a_right_operation_beside_the_wrong_ones() -> None:
    tried = {name.partition("/")[0] for name in CASES}
    # A right compiler takes long: the standard level runs it.
    assert tried - {name.partition("/")[0] for name in MUST_PASS} == {"compile"}
