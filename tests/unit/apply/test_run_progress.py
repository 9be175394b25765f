"""What a person hears while a run waits, stops, or needs them."""

from __future__ import annotations

import pytest

from torchup.apply.events import LockWait, Stopping
from torchup.model.context import Terminal
from torchup.ui.console import Console
from torchup.ui.progress import RunProgress


def console(*, quiet: bool = False) -> Console:
    terminal = Terminal(stdin_is_terminal=False, stdout_is_terminal=False, stderr_is_terminal=False)
    return Console(terminal, json_output=False, quiet=quiet, verbose=0)


def waits(*seconds: float) -> list[LockWait]:
    return [LockWait(holder="unattended-upgr (process 7)", path="/x", seconds=at) for at in seconds]


def test_waiting_is_told_at_once_and_then_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(console()) as progress:
        for event in waits(*map(float, range(65))):
            progress(event)
        for event in waits(0.0, 1.0):  # another lock later on
            progress(event)
    assert capsys.readouterr().err.splitlines() == [
        "Waiting for the package lock, held by unattended-upgr (process 7) ...",
        "Waiting for the package lock, held by unattended-upgr (process 7) (30 s so far)",
        "Waiting for the package lock, held by unattended-upgr (process 7) (60 s so far)",
        "Waiting for the package lock, held by unattended-upgr (process 7) ...",
    ]


@pytest.mark.parametrize(("finishes", "says"), [(True, "apt-get finishes its work first"), (False, "one moment")])
def test_the_first_ctrl_c_is_answered(capsys: pytest.CaptureFixture[str], finishes: bool, says: str) -> None:
    RunProgress(console())(Stopping(program="/usr/bin/apt-get", finishes=finishes))
    said = " ".join(capsys.readouterr().err.split())
    assert says in said
    assert "Ctrl-C once more stops at once" in said


def test_quiet_stays_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = RunProgress(console(quiet=True))
    progress(Stopping(program="uv", finishes=False))
    progress(waits(0.0)[0])
    assert capsys.readouterr().err == ""
