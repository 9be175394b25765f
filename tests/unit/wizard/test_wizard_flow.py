"""The wizard's course, driven by scripted answers: what is asked, what is not, and the ways back."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from torchup.answers.values import value_at
from torchup.errors import ExitStatus, InterruptError
from torchup.model.facts import MachineFacts, Toolkit
from torchup.model.request import EnvironmentWish, Request, TorchWish
from torchup.model.resolution import Reason, Resolution
from torchup.ui.ask.prompt import BACK, HELP, QUIT, Wish
from torchup.ui.ask.scripted import ScriptedAsker
from torchup.ui.wizard import run_wizard
from unit.wizard.wizard_machines import NO_DRIVER, NO_GPU, WORKSTATION, machine_resolver, review

REVIEW = "Shall all this be done now?"


class Run:
    """One run of the wizard with its questions, its words, and its result."""

    def __init__(
        self, facts: MachineFacts, answers: Sequence[str | Wish | None], request: Request | None = None
    ) -> None:
        self.words: list[str] = []
        self.stopped: list[Request] = []
        self.asker = ScriptedAsker(answers)
        self.request = run_wizard(
            facts=facts,
            request=request or Request(),
            resolve=machine_resolver(facts),
            review=review,
            asker=self.asker,
            say=lambda text: self.words.append(str(text)),
            stopped=self.stopped.append,
        )

    @property
    def asked(self) -> list[str]:
        return [text for text, _ in self.asker.log]


ENTER: list[str | Wish | None] = [None] * 20


def test_enter_all_the_way_keeps_every_default() -> None:
    run = Run(WORKSTATION, ENTER)
    assert replace(run.request, origins={}) == Request()
    assert run.asked[-1] == REVIEW


@pytest.mark.parametrize(("facts", "questions"), [(NO_GPU, 2), (WORKSTATION, 7), (NO_DRIVER, 5)])
def test_only_open_questions_are_asked_and_never_more_than_eight(facts: MachineFacts, questions: int) -> None:
    answers: list[str | Wish | None] = [None] * questions
    answers += ["quit"]
    stopped: list[Request] = []
    asker = ScriptedAsker(answers)
    with pytest.raises(InterruptError):
        run_wizard(
            facts=facts,
            request=Request(),
            resolve=machine_resolver(facts),
            review=review,
            asker=asker,
            say=lambda _text: None,
            stopped=stopped.append,
        )
    assert len(asker.log) == questions + 1 <= 9
    assert len({text for text, _ in asker.log}) == questions + 1


def test_facts_decide_the_build_without_a_gpu() -> None:
    assert "Which build of PyTorch?" not in Run(NO_GPU, ENTER).asked


def test_the_first_choice_is_recommended_and_names_the_pick_and_its_reason() -> None:
    run = Run(WORKSTATION, ENTER)
    menu = next(menu for menu in run.asker.menus if menu.text == "Which build of PyTorch?")
    assert menu.options[0].label == "PyTorch 2.14.1 for CUDA 12.6"
    assert [option.mark for option in menu.options] == [" (recommended)", "", ""]
    assert menu.default == menu.options[0].id
    assert "cu126 is the last build with code for compute capability 6.1 (GTX 1080 Ti)." in run.words


def test_consequences_of_an_answer_are_said_at_once() -> None:
    run = Run(WORKSTATION, ["2", *ENTER])
    assert run.request.gpus.use == (1,)
    expected = (
        "PyTorch 2.15.0 cu130 on Python 3.12 instead of PyTorch 2.14.1 cu126 on Python 3.12: The driver runs CUDA 13.0."
    )
    assert expected in run.words


def test_back_undoes_an_answer_and_keeps_it_as_the_preselected_one() -> None:
    run = Run(WORKSTATION, ["2", "1", BACK, BACK, "0", *ENTER])
    assert run.request.gpus.use == "all"
    # The build was answered with the CPU before going back; Enter keeps that.
    assert run.request.torch.variant == "cpu"
    assert run.asked[:5] == ["Which GPUs shall PyTorch run on?", "Which build of PyTorch?", "Which Python?",
                             "Which build of PyTorch?", "Which GPUs shall PyTorch run on?"]  # fmt: skip


def test_the_first_question_offers_no_way_back_and_the_others_do() -> None:
    run = Run(WORKSTATION, ENTER)
    assert [menu.can_go_back for menu in run.asker.menus] == [False] + [True] * 7


def test_back_at_the_review_reopens_the_last_question() -> None:
    run = Run(NO_GPU, [None, None, BACK, "4", *ENTER])
    assert run.request.shell.shells == "none"


def test_a_dependent_question_follows_its_answer() -> None:
    run = Run(WORKSTATION, [None, None, None, "1", *ENTER])
    assert run.request.environment.kind == "conda"
    assert "What shall the conda environment be called?" in run.asked
    assert "Which folder shall the environment live in?" not in run.asked


def test_an_answer_changed_at_the_review_is_resolved_again_and_reviewed_again() -> None:
    run = Run(WORKSTATION, [*[None] * 7, "change", "torch.variant", "1", *ENTER])
    assert run.request.torch.variant == "cpu"
    assert [text for text in run.words if text.startswith("REVIEW")] == [
        "REVIEW cu126 in ~/.venvs/torch for auto",
        "REVIEW cpu in ~/.venvs/torch for auto",
    ]


def test_a_change_at_the_review_asks_what_it_opens() -> None:
    run = Run(WORKSTATION, [*[None] * 7, "change", "environment.kind", "1", *ENTER])
    place = run.asked.index("What shall the conda environment be called?")
    assert run.asked[place + 1] == REVIEW


def test_every_answer_can_be_opened_from_the_review() -> None:
    run = Run(NO_GPU, [None, None, "change", "every", "source.proxy", "typed", "http://proxy.example:3128", *ENTER])
    assert run.request.source.proxy == "http://proxy.example:3128"
    assert run.request.origins["source.proxy"] == "wizard"


def test_leaving_the_list_of_answers_comes_back_to_the_review() -> None:
    assert replace(Run(NO_GPU, [None, None, "change", BACK, *ENTER]).request, origins={}) == Request()


def test_a_typed_value_must_pass_the_schema_and_takes_its_normal_form() -> None:
    run = Run(NO_GPU, [None, None, "change", "every", "torch.version", "typed", "two", "2.13", *ENTER])
    assert run.request.torch.version == "==2.13.*"


def test_a_typed_value_stays_when_the_question_is_opened_again() -> None:
    run = Run(NO_GPU, ["typed", "/data/torch", BACK, None, *ENTER])
    assert run.request.environment.path == "/data/torch"


def test_back_while_typing_returns_to_the_choices() -> None:
    run = Run(NO_GPU, ["typed", BACK, None, *ENTER])
    assert run.request.environment.path == "~/.venvs/torch"


def test_help_says_what_the_question_means_and_asks_again() -> None:
    run = Run(NO_GPU, [HELP, *ENTER])
    assert run.asked[0] == run.asked[1]
    assert any("The folder is made if it is missing" in text for text in run.words)


def test_an_error_of_the_resolver_is_told_and_the_question_comes_again() -> None:
    run = Run(WORKSTATION, [None, "typed", "cu118", *ENTER])
    assert "No source has cu118." in run.words
    assert "Take cu126." in run.words
    assert run.request.torch.variant == "auto"


def test_what_cannot_be_done_cannot_be_confirmed() -> None:
    answers = [*[None] * 7, "change", "torch.variant", "typed", "rocm7.2", "change", "torch.variant", "0", *ENTER]
    run = Run(WORKSTATION, answers)
    menus = [menu for menu in run.asker.menus if menu.text in (REVIEW, "This cannot be done as it is.")]
    assert [menu.options[0].id for menu in menus] == ["go", "change", "go"]
    assert "ROCm builds need an AMD GPU, and there is none." in run.words


def test_the_driver_question_has_no_as_its_default() -> None:
    run = Run(
        NO_DRIVER, [*[None] * 3, "change", "every", "torch.variant", "1", *ENTER], request=Request(ask=("driver",))
    )
    menu = next(menu for menu in run.asker.menus if menu.text == "Install the NVIDIA driver now?")
    assert menu.options[0].label == "No, change nothing about the driver"
    assert menu.default == menu.options[0].id
    assert run.request.driver.action == "auto"


def test_a_danger_is_confirmed_by_itself_and_no_leads_back_to_the_review() -> None:
    run = Run(NO_DRIVER, ["1", None, None, None, None, "go", "yes"], request=Request(ask=("driver",)))
    assert run.request.driver.action == "install"
    assert [text for text, _ in run.asker.log][-4:] == [REVIEW, "Install driver 580 as root?"] * 2
    assert [answer for _, answer in run.asker.log][-4:] == ["go", "no", "go", "yes"]


def test_details_are_shown_on_request() -> None:
    run = Run(NO_GPU, [None, None, "show:~/.config/torchup/env.sh", *ENTER])
    assert "+ . ~/.config/torchup/env.sh" in run.words


@pytest.mark.parametrize("position", range(9))
def test_quitting_anywhere_hands_out_the_answers_so_far(position: int) -> None:
    stopped: list[Request] = []
    answers: list[str | Wish | None] = [None, "1", None, None, None, None, None, "change"]
    with pytest.raises(InterruptError) as caught:
        run_wizard(
            facts=WORKSTATION,
            request=Request(),
            resolve=machine_resolver(WORKSTATION),
            review=review,
            asker=ScriptedAsker([*answers[:position], QUIT]),
            say=lambda _text: None,
            stopped=stopped.append,
        )
    assert caught.value.exit_status == ExitStatus.INTERRUPTED
    assert stopped[0].torch.variant == ("cpu" if position > 1 else "auto")


def test_a_ctrl_c_between_two_questions_is_a_wish_to_quit() -> None:
    def interrupted(_request: Request) -> Resolution:
        if stopped_at:
            raise KeyboardInterrupt
        stopped_at.append("first")
        return machine_resolver(NO_GPU)(Request())

    stopped_at: list[str] = []
    stopped: list[Request] = []
    with pytest.raises(InterruptError):
        run_wizard(
            facts=WORKSTATION,
            request=Request(),
            resolve=interrupted,
            review=review,
            asker=ScriptedAsker(ENTER),
            say=lambda _text: None,
            stopped=stopped.append,
        )
    assert len(stopped) == 1


def test_what_was_set_before_is_not_asked() -> None:
    request = Request(torch=TorchWish(variant="cpu"), origins={"torch.variant": "--set torch.variant"})
    assert "Which build of PyTorch?" not in Run(WORKSTATION, ENTER, request).asked


def test_a_file_with_open_sections_asks_only_those() -> None:
    request = Request(
        environment=EnvironmentWish(path="/data/torch"), ask=("environment",), origins={"environment.path": "a.yaml:3"}
    )
    run = Run(NO_GPU, ENTER, request)
    assert run.asked[0] == "Which folder shall the environment live in?"
    assert "Which shells shall find PyTorch?" not in run.asked
    assert run.request.environment.path == "/data/torch"


def test_a_star_opens_the_questions_of_a_first_run() -> None:
    request = Request(ask=("*",), origins={"environment.path": "a.yaml:3", "shell.shells": "a.yaml:5"})
    assert len(Run(NO_GPU, ENTER, request).asked) == 3


def test_several_toolkits_are_told_apart() -> None:
    facts = replace(WORKSTATION, toolkits=(*WORKSTATION.toolkits, Toolkit(version="13.0", path="/opt/cuda-13")))
    run = Run(facts, [*[None] * 5, "1", "2", *ENTER])
    assert run.request.cuda_toolkit.source == "existing"
    assert run.request.cuda_toolkit.path == "/opt/cuda-13"


def test_a_path_of_a_toolkit_goes_with_its_source() -> None:
    facts = replace(WORKSTATION, toolkits=(*WORKSTATION.toolkits, Toolkit(version="13.0", path="/opt/cuda-13")))
    run = Run(facts, [*[None] * 5, "1", "2", None, "change", "cuda_toolkit.source", "0", *ENTER])
    assert value_at(run.request, "cuda_toolkit.source") == "none"
    assert value_at(run.request, "cuda_toolkit.path") is None


def test_a_ctrl_c_that_python_swallowed_still_counts_at_the_next_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception out of a garbage collector's callback is only printed; it must not keep the wizard going."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    class Swallower:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def resolve(request: Request) -> Resolution:
        Swallower()
        return machine_resolver(NO_GPU)(request)

    asker = ScriptedAsker(ENTER)
    with pytest.raises(InterruptError):
        run_wizard(facts=NO_GPU, request=Request(), resolve=resolve, review=review, asker=asker, say=lambda _text: None)
    assert asker.log == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_mirror_is_asked_for_where_the_index_does_not_answer() -> None:
    def resolve(request: Request) -> Resolution:
        found = machine_resolver(NO_GPU)(request)
        if request.source.mirror is not None:
            return found
        unreachable = Reason(code="source-unreachable", text="PyTorch's index did not answer.")
        return replace(found, status="action_needed", reasons=(unreachable,))

    words: list[str] = []
    asker = ScriptedAsker([None, None, "typed", "https://mirror.example/whl", *ENTER])
    request = run_wizard(
        facts=NO_GPU,
        request=Request(),
        resolve=resolve,
        review=review,
        asker=asker,
        say=lambda text: words.append(str(text)),
    )
    assert request.source.mirror == "https://mirror.example/whl"
    assert "PyTorch's index did not answer." in words
    assert "This can be installed now." in words
    assert "Which mirror of PyTorch's index?" not in Run(NO_GPU, ENTER).asked
