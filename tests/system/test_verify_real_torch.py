"""`torchup verify` over a real torch that computes NaN: the verdict, the cause and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Person
from support.torch_environment import torch_or_skip

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]

SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"


def test_not_a_number_is_a_failure_with_a_cause(tmp_path: Path) -> None:
    python = torch_or_skip()
    person = Person(home=tmp_path / "home")
    done = person.torchup(
        *("verify", "--python", str(python), "--json"), timeout=300, PYTHONPATH=str(SABOTAGE), SABOTAGE="nan"
    )
    data = json.loads(done.stdout)
    checks = {check["id"]: check for check in data["checks"]}
    assert (checks["matmul-fp32"]["status"], checks["matmul-fp32"]["hint"]) == ("fail", "wrong-results")
    assert (data["verdict"], done.returncode) == ("fail", 4)
    assert data["environment"]["causes"]["wrong-results"]["fix"]
