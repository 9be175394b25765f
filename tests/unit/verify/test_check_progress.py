"""How far the test is, from what ended and what is still expected."""

from __future__ import annotations

import io

from torchup.model.context import Terminal
from torchup.model.outcome import Check
from torchup.ui.check_progress import CheckProgress, Course, parse_list
from torchup.ui.console import Console

LIST = """build          quick     once: Compare the build with the plan.
visible        quick     once: Count the devices.
arch           quick     cuda hip: Compare the GPU with the kernels.
copy           quick     cpu cuda hip xpu mps: Copy 64 MiB.
conv           quick     cpu hip: Convolve.

noise
"""


def test_the_list_of_the_probe() -> None:
    found = parse_list(LIST)
    assert [(one.id, one.kinds) for one in found][1:4] == [
        ("visible", ()),
        ("arch", ("cuda", "hip")),
        ("copy", ("cpu", "cuda", "hip", "xpu", "mps")),
    ]
    assert len(found) == 5


def test_two_gpus_count_twice() -> None:
    course = Course(expected=parse_list(LIST))
    course.take(Check(id="import", status="pass"))
    course.take(Check(id="build", status="pass"))
    course.take(Check(id="visible", status="pass", value=2.0, unit="GPUs"))
    assert course.total == 3 + 2 * 2
    course.take(Check(id="arch", gpu="cuda:0", status="pass"))
    assert course.current == "copy on cuda:0"
    course.take(Check(id="copy", gpu="cuda:0", status="pass"))
    assert (course.done, course.current) == (5, "the next device")


def test_more_checks_than_expected_do_not_end_in_nonsense() -> None:
    course = Course(expected=parse_list(LIST))
    for _ in range(30):
        course.take(Check(id="copy", gpu="cpu", status="pass"))
    assert course.total == 30


def progress_lines(terminal: Terminal, *, quiet: bool, capsys) -> str:  # type: ignore[no-untyped-def]
    console = Console(terminal, json_output=False, quiet=quiet, verbose=0)
    with CheckProgress(console, expected=lambda: parse_list(LIST)) as show:
        show(Check(id="copy", gpu="cpu", status="pass", value=0.0, unit="wrong words", seconds=1.25))
        show(Check(id="rng", gpu="cpu", status="skip", reached=False, detail="[bold]"))
        show(Check(id="import", status="fail", detail="[bold]no"))
    return str(capsys.readouterr().err)


PIPE = Terminal(stdin_is_terminal=False, stdout_is_terminal=False, stderr_is_terminal=False)


def test_one_line_for_each_check_without_a_terminal(capsys) -> None:  # type: ignore[no-untyped-def]
    lines = progress_lines(PIPE, quiet=False, capsys=capsys).splitlines()
    assert lines == ["pass    copy [cpu]  0 wrong words  1.2 s", "fail    import  [bold]no  0.0 s"]


def test_nothing_when_quiet(capsys) -> None:  # type: ignore[no-untyped-def]
    assert not progress_lines(PIPE, quiet=True, capsys=capsys)


def test_a_moving_line_on_a_terminal(capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal(stdin_is_terminal=True, stdout_is_terminal=True, stderr_is_terminal=True, columns=80)
    said = progress_lines(terminal, quiet=False, capsys=capsys)
    assert "/6" in said or "/5" in said
    assert io.StringIO(said).read().count("\n") < 10
