"""The questions as data: complete, consistent with the request, and answerable on every machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from torchup.answers.choices import choices_for, variant_words, with_current
from torchup.answers.consequences import consequences
from torchup.answers.questions import QUESTIONS, SECTION_MEANINGS, question_for
from torchup.answers.reference import answers_page
from torchup.answers.schema import check_value
from torchup.answers.signals import holds, signals, usable_pythons
from torchup.answers.summary import machine_summary
from torchup.answers.values import value_at, value_types, with_value
from torchup.model.facts import CondaInstall, MachineFacts, Python, Toolkit
from torchup.model.request import Request
from torchup.model.resolution import DriverDecision, NextStep, Reason, Resolution, ToolkitDecision, TorchPick
from unit.wizard.wizard_machines import LINUX, NO_DRIVER, NO_GPU, OLD_CARD, WORKSTATION, machine_resolver

MACHINES = {"no GPU": NO_GPU, "workstation": WORKSTATION, "no driver": NO_DRIVER}
SIGNALS = {"gpu", "gpus.several", "pythons.several", "environments", "kind.venv", "kind.conda", "kind.existing",
           "cuda.code", "toolkit.existing", "toolkits.several", "driver.change", "shells", "source.unreachable"}  # fmt: skip


def test_every_key_of_the_request_has_one_question() -> None:
    assert sorted(question.key for question in QUESTIONS) == sorted(value_types())


def test_every_section_has_its_meaning() -> None:
    assert set(SECTION_MEANINGS) == {key.partition(".")[0] for key in value_types()} - {"ask"}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_texts_are_sentences_that_fit_a_narrow_terminal(question: object) -> None:
    assert isinstance(question, type(QUESTIONS[0]))
    assert question.meaning.endswith(".")
    assert question.prompt.endswith("?")
    assert len(question.prompt) <= 60
    if question.help:
        assert question.help.endswith(".")
    if question.when is not None or question.rescues_from:
        assert question.help, "a question of a first run has help"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_conditions_name_signals_that_exist(question: object) -> None:
    assert isinstance(question, type(QUESTIONS[0]))
    assert {name.removeprefix("!") for name in (*(question.when or ()), *question.rescues_from)} <= SIGNALS


def test_signals_are_those_that_conditions_may_name() -> None:
    seen = {
        sign for facts in MACHINES.values() for sign in signals(facts, Request(), machine_resolver(facts)(Request()))
    }
    assert seen <= SIGNALS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_every_choice_is_a_value_that_the_schema_accepts(question: object, machine: str) -> None:
    assert isinstance(question, type(QUESTIONS[0]))
    facts = MACHINES[machine]
    choices = choices_for(question, facts, Request(), machine_resolver(facts)(Request()))
    assert choices
    assert len({choice.label for choice in choices}) == len(choices)
    for choice in choices:
        if (question.key, choice.value) == ("cuda_toolkit.path", "/usr/local/cuda-12.6"):
            continue  # a path counts only with its source
        assert check_value(question.key, choice.value) is None


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_the_recommended_choice_is_the_default(question: object, machine: str) -> None:
    assert isinstance(question, type(QUESTIONS[0]))
    facts = MACHINES[machine]
    choices = choices_for(question, facts, Request(), machine_resolver(facts)(Request()))
    assert choices[0].value == value_at(Request(), question.key)


def test_gpus_that_the_decision_names_are_recommended_where_no_build_serves_all() -> None:
    newest = NextStep(text="gpus.use: [1] gives torch 2.15.0+cu130.", settings=("gpus.use=[1]",))
    other = NextStep(text="gpus.use: [0] gives torch 2.14.1+cu126.", settings=("gpus.use=[0]", "torch.variant=auto"))
    advised = replace(machine_resolver(WORKSTATION)(Request()), torch=None, next_steps=(newest, other))
    choices = choices_for(question_for("gpus.use"), WORKSTATION, Request(), advised)
    assert [(choice.value, choice.label) for choice in choices] == [
        ((1,), "only 1: NVIDIA GeForce RTX 4090"),
        ((0,), "only 0: NVIDIA GeForce GTX 1080 Ti"),
        ("all", "all of them"),
    ]
    assert choices[0].note == newest.text


def test_a_dangerous_question_recommends_to_leave_things_as_they_are() -> None:
    dangerous = [question.key for question in QUESTIONS if question.dangerous]
    assert dangerous == ["driver.action"]


def test_conditions() -> None:
    assert holds((), frozenset())
    assert holds(("a", "!b"), frozenset({"a"}))
    assert not holds(("a", "!b"), frozenset({"a", "b"}))
    assert not holds(("a",), frozenset())


@pytest.mark.parametrize(("variant", "asked"), [("cu126", True), ("cpu", True), ("rocm7.2", False), ("xpu", False)])
def test_nvcc_is_no_question_where_the_build_is_for_other_gpus(variant: str, *, asked: bool) -> None:
    decided = machine_resolver(WORKSTATION)(Request())
    assert decided.torch is not None
    decided = replace(decided, torch=replace(decided.torch, variant=variant))
    assert ("cuda.code" in signals(WORKSTATION, Request(), decided)) is asked


def test_a_mac_and_a_lone_integrated_gpu_leave_nothing_to_choose() -> None:
    mac = replace(NO_GPU, os=replace(LINUX, system="darwin", libc=None))
    assert "gpu" not in signals(mac, Request(), machine_resolver(mac)(Request()))


def test_pythons_that_no_wheel_serves_are_no_choice() -> None:
    facts = replace(
        NO_GPU,
        pythons=(
            Python(path="/a", version="3.12.1"),
            Python(path="/b", version="3.9.1"),
            Python(path="/c", version="3.12.1", bits=32),
            Python(path="/d", version="3.11.1", implementation="pypy"),
            Python(path="/e", version="odd"),
            Python(path="/f", version="3.13.0", free_threaded=True),
        ),
    )
    assert [python.path for python in usable_pythons(facts)] == ["/a", "/f"]
    choices = choices_for(question_for("python.version"), facts, Request(), machine_resolver(facts)(Request()))
    assert [choice.value for choice in choices] == ["auto", "3.13t"]


def test_an_existing_environment_is_offered_by_its_folder() -> None:
    facts = replace(NO_GPU, pythons=(Python(path="/home/ada/env/bin/python", version="3.12.1", kind="venv"),))
    request = with_value(Request(), "environment.kind", "existing", "wizard")
    choices = choices_for(question_for("environment.path"), facts, request, machine_resolver(facts)(request))
    assert [choice.value for choice in choices] == ["/home/ada/env"]
    kinds = choices_for(question_for("environment.kind"), facts, Request(), machine_resolver(facts)(Request()))
    assert [choice.value for choice in kinds] == ["venv", "existing"]


def test_what_is_set_can_be_kept() -> None:
    choices = choices_for(question_for("torch.variant"), NO_GPU, Request(), machine_resolver(NO_GPU)(Request()))
    assert with_current(choices, "auto") == choices
    assert with_current(choices, "cu130")[-1].value == "cu130"


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("cu126", "CUDA 12.6"),
        ("cu92", "CUDA 9.2"),
        ("rocm7.2", "ROCm 7.2"),
        ("cpu", "the CPU alone"),
        ("xpu", "Intel GPUs"),
    ],
)
def test_variants_in_words(variant: str, words: str) -> None:
    assert variant_words(variant) == words


def resolution(**changes: object) -> Resolution:
    pick = TorchPick(version="2.14.1", variant="cu126", python="3.12", index="i", source="pytorch")
    base = Resolution(
        status="ok",
        torch=pick,
        driver=DriverDecision(action="keep"),
        cuda_toolkit=ToolkitDecision(source="none"),
        facts_as_of="2026-11-21",
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # each test gives what its field takes


def test_no_change_has_no_consequences() -> None:
    assert consequences(resolution(), resolution()) == ()


def test_consequences_name_both_sides_and_the_new_reason() -> None:
    after = resolution(
        torch=TorchPick(version="2.15.0", variant="cu130", python="3.12", index="i", source="pytorch"),
        driver=DriverDecision(action="upgrade"),
        cuda_toolkit=ToolkitDecision(source="existing", version="13.0", path="/opt/cuda"),
        reasons=(Reason(code="a", text="Now it fits."),),
        warnings=(Reason(code="b", text="A list was inferred."),),
    )
    assert consequences(resolution(), after) == (
        "PyTorch 2.15.0 cu130 on Python 3.12 instead of PyTorch 2.14.1 cu126 on Python 3.12: Now it fits.",
        "Driver: upgrade instead of keep.",
        "CUDA toolkit: 13.0 existing at /opt/cuda.",
        "Note: A list was inferred.",
    )


def test_a_dead_end_is_told_with_its_reason_and_the_way_out_of_it() -> None:
    nothing = resolution(status="no_solution", torch=None, reasons=(Reason(code="a", text="No wheel fits."),))
    assert consequences(resolution(), nothing) == ("Nothing fits these answers.", "No wheel fits.")
    assert consequences(nothing, resolution())[0] == "Now: PyTorch 2.14.1 cu126 on Python 3.12"


def test_a_summary_holds_the_whole_machine() -> None:
    facts = replace(
        WORKSTATION,
        gpus=(OLD_CARD,),
        conda=(CondaInstall(kind="mamba", path="/opt/mamba"),),
        toolkits=(Toolkit(path="/opt/cuda"),),
    )
    assert machine_summary(facts) == (
        "System: debian 12 on x86_64",
        "GPU 0: NVIDIA GeForce GTX 1080 Ti, compute capability 6.1, 11 GiB",
        "NVIDIA driver: 580.65.06 works, for CUDA up to 13.0",
        "Python: 3.11.7, 3.12.4",
        "CUDA toolkit: unknown at /opt/cuda",
        "conda: /opt/mamba",
        "Shell: zsh",
    )
    assert machine_summary(MachineFacts(os=LINUX, gpus=()))[1] == "GPU: none found"


def test_the_reference_page_names_every_key_with_its_variable() -> None:
    page = answers_page()
    for key in value_types():
        assert f"`{key.rpartition('.')[2]}`" in page
        assert f"`TORCHUP_SET_{key.replace('.', '_').upper()}`" in page


def test_the_committed_reference_page_is_what_the_program_says() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "answers.md"
    assert page.read_text(encoding="utf-8").endswith(answers_page()), "run `make docs` and commit"
