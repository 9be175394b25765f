"""Each numeric check passes with the right operation and fails with every wrong one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import wrong_kernels
from support.wrong_kernels import CASES, MUST_BE_DISCARDED, MUST_PASS, MUST_WARN, load_probe

pytestmark = [pytest.mark.real, pytest.mark.torch, pytest.mark.xdist_group("torch")]

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


def test_no_double_precision_product_is_so_large_that_windows_ends_it(python_with_torch: Path) -> None:
    command = [str(python_with_torch), wrong_kernels.__file__, "--level", "standard", "--only", "matmul-fp64/right"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    ((status, _, detail),) = json.loads(done.stdout).values()
    assert (status, detail) == ("pass", "2048x2048 against float64")


AS_A_WORKER = """
import importlib, json, os, sys
sys.path.insert(0, sys.argv[1])
import wrong_kernels
seen = {"chosen": [], "precision": []}

def load(name, usual=importlib.import_module):
    seen["before torch"] = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    torch = usual(name)
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.cuda.set_device = seen["chosen"].append
    return torch

def split(probe, bench, right=wrong_kernels.CASES["ddp/right"]):
    def train_split(*_):
        seen["precision"].append(bench.torch.backends.cuda.matmul.fp32_precision)
        return {"same": True, "gap": 0, "moved": 1}
    probe.train_split = train_split
    return right(probe, bench)

wrong_kernels.importlib.import_module = load
on_cpu = wrong_kernels.off_gpu
lacking = lambda probe, bench: probe.check_matmul(on_cpu(bench), "fp64")
wrong_kernels.CASES = {"lacking": lacking, "split": lambda probe, bench: split(probe, on_cpu(bench))}
seen["answers"] = wrong_kernels.run_all("cuda:1", "quick")
print(json.dumps(seen))
"""


def test_operations_are_tried_as_a_worker_tries_them(python_with_torch: Path) -> None:
    command = [str(python_with_torch), "-c", AS_A_WORKER, str(Path(wrong_kernels.__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    seen = json.loads(done.stdout)
    assert seen["before torch"] == ":4096:8", "torch before 2.10 reads it once"
    assert seen["chosen"] == [1]
    # A CPU has no GPU's check of float64, and two threads share the switches of TF32.
    assert {name: status for name, (status, *_) in seen["answers"].items()} == {"lacking": "skip", "split": "pass"}
    assert seen["precision"] == ["ieee", "ieee"]


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
