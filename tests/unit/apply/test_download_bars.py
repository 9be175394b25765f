"""Download progress: the bars that uv draws, read from a captured run, and from a program that draws them again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchup.apply.downloads import DownloadMeter, Downloads, draws_bars, without_drawing
from torchup.apply.interrupts import Interrupts
from torchup.apply.processes import Child
from torchup.ui.pace import Pace

CAPTURE = Path(__file__).parents[2] / "probes" / "uv_bars" / "whole-run.txt"
MIB = 1 << 20

REPLAY = """\
import sys, time
drawn = open(sys.argv[1], "rb").read()
assert sys.stdout.isatty()
for start in range(0, len(drawn), 400):
    sys.stdout.buffer.write(drawn[start:start + 400])
    sys.stdout.flush()
    time.sleep(0.002)
"""


def test_the_bars_add_up_and_a_bar_that_has_gone_is_complete() -> None:
    meter = DownloadMeter()
    assert meter.feed("Resolving dependencies...") is None
    assert meter.feed("numpy ------ 1.00 MiB/16.00 MiB") == Downloads(received=MIB, total=16 * MIB)
    both = meter.feed("numpy ------ 4.00 MiB/16.00 MiB\x1b[2K torch      ---- 512.00 KiB/800.50 MiB")
    assert both == Downloads(received=4 * MIB + MIB // 2, total=16 * MIB + 800 * MIB + MIB // 2)
    assert meter.feed("torch ─── 1.00 GiB/1.00 GiB") == Downloads(received=16 * MIB + 1024 * MIB, total=1040 * MIB)


def test_a_captured_run_never_goes_backwards() -> None:
    meter = DownloadMeter()
    frames = CAPTURE.read_bytes().decode().split("\x1b[2K")
    sums = [found for frame in frames if (found := meter.feed(frame)) is not None]
    assert len(sums) > 5
    received = [item.received for item in sums]
    assert received == sorted(received)
    assert all(item.received <= item.total for item in sums)
    assert sums[-1].total > 50 * MIB


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("⠋ Resolving...\r\x1b[2KResolved 5 packages in 20ms\r", "Resolved 5 packages in 20ms"),
        (" + numpy==2.4.6", " + numpy==2.4.6"),
        ("\x1b[31merror\x1b[0m: no", "error: no"),
        ("⠋ Resolving...\r\x1b[2K", ""),
    ],
)
def test_what_stays_on_the_terminal(line: str, text: str) -> None:
    assert without_drawing(line.rstrip("\r")) == text


def test_a_program_that_draws_is_read_and_its_lasting_lines_are_kept() -> None:
    lines: list[str] = []
    seen: list[Downloads] = []
    done = Child(
        argv=(sys.executable, "-c", REPLAY, str(CAPTURE)),
        environment={"PATH": "/usr/bin:/bin"},
        interrupts=Interrupts(),
        on_line=lines.append,
        on_download=seen.append,
    ).run()
    assert done.returncode == 0, done.tail
    assert len(seen) > 5
    assert seen[-1].total > 50 * MIB
    assert " + scipy==1.17.1" in lines
    assert not any("\x1b" in line or "MiB/" in line for line in lines)


@pytest.mark.parametrize(
    ("argv", "draws"),
    [
        (("/x/uv", "pip", "install", "torch"), True),
        (("uv", "venv", "/x"), False),
        (("python", "-m", "pip", "install"), False),
    ],
)
def test_only_uv_is_known_to_draw(argv: tuple[str, ...], draws: bool) -> None:
    assert draws_bars(argv) is draws


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    assert pace.text(0, 2048 * MIB, at=0.0) == "0.00 of 2.00 GiB"
    assert pace.text(100 * MIB, 2048 * MIB, at=1.0) == "0.10 of 2.00 GiB, 100.0 MiB/s, 19 s left"
    assert pace.text(200 * MIB, 2048 * MIB, at=20.0).endswith("5.3 MiB/s, 5 min 51 s left")
    assert pace.text(2048 * MIB, 2048 * MIB, at=21.0).endswith("0 s left")
