"""Whatever answers are accepted, on whatever machine: a plan or a refusal in words, and the same from the saved file."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from property.test_answers_properties import requests
from support.machines import MACHINES, read_machine
from support.system_plans import planned
from support.tools import NIGHTLY
from torchup.answers.read import parse_answers
from torchup.answers.write import render_answers
from torchup.errors import ExitStatus, TorchupError
from torchup.model.facts import MachineFacts
from torchup.model.plan import Plan
from torchup.model.request import GpuWish, PythonWish, Request, TorchWish
from torchup.model.serial import dump, load

_NAMES = (
    *("laptop-4060", "peer-06-no-gpu", "peer-08-gtx1060-rtx4090", "mixed-nvidia-amd", "recipe-ubuntu-nvidia"),
    *("recipe-fedora-nvidia", "amd-7900xtx", "intel-arc-a770", "wsl2-4090-581", "jetson-thor", "mac-m2-14"),
    *("windows-4090-581", "container-docker-580", "musl-no-gpu", "toolkit-gcc-too-new", "python-several"),
)
_FACTS = [read_machine(MACHINES / f"{name}.yaml").facts for name in _NAMES]
# What the command line may end with before anything is changed: bad answers, a refusal, nothing that fits.
_BEFORE_ANY_CHANGE = {ExitStatus.USAGE, ExitStatus.REFUSED, ExitStatus.NO_SOLUTION}


@st.composite
def _answers(draw: st.DrawFn) -> Request:
    """Give answers; half of the time those that most often leave nothing that fits have their default."""
    request = draw(requests)
    return replace(request, torch=TorchWish(), python=PythonWish(), gpus=GpuWish()) if draw(st.booleans()) else request


def _outcome(facts: MachineFacts, request: Request) -> Plan | TorchupError:
    try:
        return planned(facts, request)
    except TorchupError as error:
        return error


@settings(max_examples=250 if NIGHTLY else 100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_FACTS), _answers())
def test_accepted_answers_give_a_plan_or_a_refusal_in_words(facts: MachineFacts, request: Request) -> None:
    saved = parse_answers(render_answers(request, tool_version="1").encode(), "saved.yaml")
    outcome = _outcome(facts, saved)
    event("a plan" if isinstance(outcome, Plan) else outcome.code)
    if isinstance(outcome, Plan):
        assert load(Plan, dump(outcome)) == outcome
        again = planned(facts, parse_answers(render_answers(saved, tool_version="2").encode(), "again.yaml"))
        assert dump(again) == dump(outcome)
    else:
        assert outcome.exit_status in _BEFORE_ANY_CHANGE, outcome
        assert outcome.code != "internal-error"
        assert len(outcome.message) > len("No.")
        assert outcome.message[-1] in ".:?", outcome.message


def test_most_machines_have_a_plan_for_the_default_answers() -> None:
    """The property says something only where there are plans."""
    plans = [name for name, facts in zip(_NAMES, _FACTS, strict=True) if isinstance(_outcome(facts, Request()), Plan)]
    assert len(plans) > len(_NAMES) // 2, plans
