"""Every question that the wizard can ask, tried with every key and signal: the real program on one wide machine.

The questions come from their definition, so a new one is tried without a word here, unless it is asked only under
conditions that `MACHINE` or `ASKED_WITH` do not yet bring about; then its test fails and says so.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.machines import MACHINES
from support.stage import Play, Stage
from support.terminal import CTRL_C, CTRL_D, CTRL_Z, ENTER, ESCAPE, UP
from support.tools import NIGHTLY, each
from torchup.answers.questions import QUESTIONS, question_for

RECORDED = "recipe-fedora-nvidia"
# What other answers a question needs to be asked at all.
ASKED_WITH = {
    "environment.name": ["environment.kind=conda"],
    "cuda_toolkit.path": ["cuda_toolkit.source=existing"],
}
FIRST = QUESTIONS[0]
REVIEW = "Shall all this be done now?"
CHANGE = "Which answer?"
INSTALL = "Install the NVIDIA driver now?"
DANGER = "Install the NVIDIA driver, branch"
ENDS: dict[str, tuple[str | signal.Signals, int]] = {
    "Ctrl-D": (CTRL_D, 130),
    "SIGINT": (signal.SIGINT, 130),
    "SIGTERM": (signal.SIGTERM, 143),
    "SIGHUP": (signal.SIGHUP, 143),
}
MODES = {"keys": [], "plain": ["--plain"]}
# `ask` itself stays in no file's open sections.
KEYS = [question.key for question in QUESTIONS if question.key != "ask"]
# Questions of one kind share the code that reads keys: the first of each kind is ended in every way, in both modes.
IN_BOTH_MODES = set(itertools.product({question_for(key).kind: key for key in reversed(KEYS)}.values(), MODES))
TYPED = [key for key in KEYS if question_for(key).typed]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A machine on which every question can be open: two GPUs, no driver, and more than one of everything else."""
    facts = yaml.safe_load((MACHINES / f"{RECORDED}.yaml").read_text(encoding="utf-8"))["facts"]
    facts["gpus"] = [{**facts["gpus"][0], "index": index} for index in range(2)]
    facts["pythons"] = [{"path": f"/usr/bin/python{version}", "version": f"{version}.4", "kind": "system"}
                        for version in ("3.12", "3.13")]  # fmt: skip
    facts["conda"] = [{"kind": "conda", "path": "/opt/conda/bin/conda"}]
    facts["toolkits"] = [{"version": version, "path": f"/usr/local/cuda-{version}", "nvcc": True, "source": "path"}
                         for version in ("12.6", "13.0")]  # fmt: skip
    facts["shells"] = {"login": "bash", "current": "zsh", "installed": ["bash", "zsh", "fish"]}
    path = tmp_path_factory.mktemp("machine") / "facts.yaml"
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")
    return str(path)


def options(machine: str, *more: str, ask: str) -> list[str]:
    return ["setup", "--machine", machine, "--dry-run", "--offline", "--set", f"ask={ask}", *more]


def options_for(key: str, machine: str) -> list[str]:
    """Give the options with which a question is asked, and before it the one that is the first of all."""
    sections = dict.fromkeys([FIRST.key.partition(".")[0], key.partition(".")[0]])
    more = [word for setting in ASKED_WITH.get(key, []) for word in ("--set", setting)]
    return options(machine, *more, ask=f"[{', '.join(sections)}]")


def wait_until_asked(play: Play, count: int, *, plain: bool) -> str:
    """Wait until a question takes keys: what comes before goes to a terminal that still echoes it."""
    text = play.wait_for_question(count)
    if plain:
        play.expect(lambda: "quit: " in f"{play.lines[play.screen.cursor.y]} ", "a prompt")
    else:
        play.expect(lambda: not play.is_sane(), "a terminal in raw mode")
    return text


def ended(play: Play, end: str | signal.Signals) -> int:
    """Press a key or send a signal, and give the exit status."""
    if isinstance(end, signal.Signals):
        play.signal(end)
    else:
        play.send(end)
    return play.finish()


def try_ends(stage: Stage, arguments: list[str], **where: Any) -> None:
    """End the program in each way at one question: a documented status, and the terminal as it was."""
    for name, (end, status) in ENDS.items():
        with stage.play(*arguments, **where) as play:
            wait_until_asked(play, 1, plain="--plain" in arguments)
            assert ended(play, end) == status, name
            assert play.is_as_it_was(), name
            assert len(play.asked) == 1, name
            assert "Traceback" not in play.text, name


@pytest.mark.parametrize(
    ("key", "mode"), each(itertools.product(KEYS, MODES), IN_BOTH_MODES | set(zip(KEYS, itertools.cycle(MODES))))
)
def test_keys_and_signals_at_every_question(key: str, mode: str, stage: Stage, machine: str, tmp_path: Path) -> None:
    prompt, plain = question_for(key).prompt, mode == "plain"
    arguments = [*options_for(key, machine), *MODES[mode]]
    with stage.play(*arguments, until=prompt, home=tmp_path) as play:
        assert wait_until_asked(play, 1, plain=plain) == prompt
        play.send(CTRL_Z)
        if plain:
            play.expect(lambda: play.stopped == [True], "a program that was stopped and left the terminal as it was")
        play.send("?\r" if plain else "?")
        play.expect_text(f"In an answers file: {key}:")
        assert wait_until_asked(play, 2, plain=plain) == prompt
        play.send("b\r" if plain else ESCAPE)
        asked = 2
        if key == FIRST.key:
            if plain:
                play.expect_text("Please give a number")
        else:
            assert wait_until_asked(play, 3, plain=plain) != prompt
            play.send(ENTER)
            assert wait_until_asked(play, 4, plain=plain) == prompt
            asked = 4
        assert ended(play, CTRL_C) == 130
        assert len(play.asked) == asked
        assert play.is_as_it_was()
        assert play.stopped == ([True] if plain else [])
    if NIGHTLY or (key, mode) in IN_BOTH_MODES:
        try_ends(stage, arguments, until=prompt, home=tmp_path)
    assert list(tmp_path.iterdir()) == [], "nothing was written"


@pytest.mark.parametrize("place", range(len(TYPED)), ids=TYPED)
def test_keys_and_signals_where_an_answer_is_typed(place: int, stage: Stage, machine: str, tmp_path: Path) -> None:
    """One after the other the questions get each way to end, since what reads a line is the same for all."""
    key = TYPED[place]
    question = question_for(key)
    name, (end, status) = list(ENDS.items())[place % len(ENDS)]
    with stage.play(*options_for(key, machine), until=question.prompt, home=tmp_path) as play:
        for count, way_out in ((2, ESCAPE), (4, end)):
            wait_until_asked(play, count - 1, plain=False)
            play.send(UP, UP, ENTER) if key != FIRST.key else play.send(UP, ENTER)
            assert wait_until_asked(play, count, plain=False) == ("Path:" if question.kind == "path" else "Answer:")
            if way_out == ESCAPE:
                play.send(CTRL_Z, ESCAPE)
                assert wait_until_asked(play, 3, plain=False) == question.prompt
        assert ended(play, end) == status, name
        assert play.is_as_it_was()


# What is asked beside the questions of the answers, and the way there.
OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    "the review": (REVIEW, {}),
    "the answers to change": (CHANGE, {REVIEW: "change"}),
    "a danger": (DANGER, {INSTALL: "1", REVIEW: "go"}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("other", OTHERS)
def test_keys_and_signals_at_the_other_questions(
    other: str, mode: str, stage: Stage, machine: str, tmp_path: Path
) -> None:
    until, answers = OTHERS[other]
    plain = mode == "plain"
    # Without a driver nothing can be done, so the review asks whether to go on only when it is installed.
    arguments = [*options(machine, ask="[driver]"), *MODES[mode]]
    where: dict[str, Any] = {"until": until, "answers": {INSTALL: "1", **answers}, "home": tmp_path}
    with stage.play(*arguments, **where) as play:
        assert wait_until_asked(play, 1, plain=plain).startswith(until)
        play.send(CTRL_Z, "b\r" if plain else ESCAPE)
        assert (wait_until_asked(play, 2, plain=plain) == REVIEW) == (other != "the review")
        assert ended(play, CTRL_C) == 130
        assert play.is_as_it_was()
    try_ends(stage, arguments, **where)


def test_a_first_run_asks_at_most_eight_questions(stage: Stage, machine: str, tmp_path: Path) -> None:
    """Nothing is decided by the facts of the wide machine, so no machine is asked more."""
    arguments = ["setup", "--machine", machine, "--dry-run", "--offline", "--plain"]
    with stage.play(*arguments, until=FIRST.prompt, home=tmp_path, size=(80, 100)) as play:
        for count in range(1, 10):
            if wait_until_asked(play, count, plain=True).startswith(("This cannot be done", REVIEW)):
                break
            play.send(ENTER)
        assert ended(play, CTRL_C) == 130
    assert play.asked[:-1] == [
        question_for(key).prompt
        for key in ("gpus.use", "torch.variant", "python.version", "environment.kind", "environment.path",
                    "driver.action", "cuda_toolkit.source", "shell.shells")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["mixed-nvidia-amd", "mixed-v100-5090", "mixed-k80-4090", "mixed-fermi-4090", "mixed-gt710-4090"]
)
def test_enter_is_a_good_set_up_where_no_build_serves_all_gpus(name: str, stage: Stage, tmp_path: Path) -> None:
    facts = yaml.safe_load((MACHINES / f"{name}.yaml").read_text(encoding="utf-8"))["facts"]
    file = tmp_path / "facts.yaml"
    file.write_text(yaml.safe_dump(facts), encoding="utf-8")
    arguments = ["setup", "--machine", str(file), "--dry-run", "--offline"]
    with stage.play(*arguments, until=REVIEW, home=tmp_path) as play:
        assert wait_until_asked(play, 1, plain=False) == REVIEW
        shown = " ".join(play.text.split())
        assert "gpus.use: only " in shown
        assert "with all that they need, about 7.6 GiB on the disk" in shown
        assert ended(play, CTRL_C) == 130


@pytest.mark.parametrize("mode", MODES)
def test_a_terminal_that_goes_away_ends_the_program(mode: str, stage: Stage, machine: str, tmp_path: Path) -> None:
    arguments = [*options(machine, ask="[torch]"), *MODES[mode]]
    with stage.play(*arguments, until=question_for("torch.version").prompt, home=tmp_path) as play:
        wait_until_asked(play, 1, plain=mode == "plain")
        play.hang_up()
        assert play.finish() == 143
