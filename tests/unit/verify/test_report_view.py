from __future__ import annotations

import io

from rich.console import Console

from torchup.model.outcome import Check, Report
from torchup.ui.report_view import render
from torchup.verify.run import complete

CHECKS = (
    Check(id="import", status="pass", value=4.2, unit="s", detail="torch 2.13.0+cu126"),
    Check(id="build", status="pass", value="cu126", detail="torch 2.13.0+cu126, as planned"),
    Check(id="exact-fp32", gpu="cuda:0", status="pass", value=0.0, unit="wrong elements", threshold=0.0),
    Check(
        id="matmul-fp32", gpu="cuda:0", status="pass", value=2.9e-7, unit="relative", threshold=1e-5, detail="x" * 90
    ),
    Check(
        id="matmul-bf16",
        gpu="cuda:1",
        status="fail",
        value=0.31,
        unit="relative",
        threshold=6e-3,
        detail="512x512 against float64: error 3.1e-01 is above 6e-03",
        hint="wrong-results",
    ),
    Check(id="sort", gpu="cuda:1", status="timeout", detail="no answer within 60 s", hint="check-hung"),
    Check(id="rng", gpu="cuda:1", status="skip", reached=False, detail="3 checks in a row ended the process"),
    Check(id="exact-fp32", gpu="cuda:1", status="fail", hint="wrong-results", detail="1 of 9 elements are wrong"),
)
REPORT = complete(
    Report(
        python="/p",
        level="quick",
        torch_version="2.13.0+cu126",
        devices=("cuda:0", "cuda:1"),
        environment={"devices": [{"device": "cuda:0", "name": "NVIDIA L4", "capability": "8.9", "memory_mib": 23034}]},
        checks=CHECKS,
        verdict="not-run",
    )
)


def drawn(report: Report, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(render(report))
    return stream.getvalue()


def test_it_fits_80_columns_and_begins_with_the_verdict() -> None:
    lines = drawn(REPORT).splitlines()
    assert lines[0].startswith("FAILED  torch 2.13.0+cu126 on cuda:0, cuda:1 (quick: 4 pass, 1 skip, 2 fail, ")
    assert max(map(len, lines)) <= 80


def test_one_line_for_each_check_with_its_value_and_limit() -> None:
    lines = [line.split() for line in drawn(REPORT).splitlines()]
    assert ["pass", "matmul-fp32", "2.9e-07", "<=", "1e-05"] in [words[:5] for words in lines]
    assert ["fail", "matmul-bf16", "0.31", ">", "0.006"] in [words[:5] for words in lines]
    assert ["pass", "exact-fp32", "0", "wrong", "elements"] in [words[:5] for words in lines]


def test_every_device_has_its_table_under_what_it_is() -> None:
    text = drawn(REPORT)
    assert "cuda:0: NVIDIA L4, compute capability 8.9, 23034 MiB" in text
    assert text.index("installation") < text.index("cuda:0: NVIDIA") < text.index("cuda:1\n")


def test_what_was_not_reached_is_told_once_with_the_reason() -> None:
    assert "Not reached, because 3 checks in a row ended the process: rng" in " ".join(drawn(REPORT).split())


def test_a_problem_is_told_in_full_with_its_cause_and_what_to_do() -> None:
    text = " ".join(drawn(REPORT).split())
    assert "fail matmul-bf16 on cuda:1: 512x512 against float64: error 3.1e-01 is above 6e-03" in text
    assert "cause: A check did not end in its time (check-hung) hint: " in text
    assert text.count("(wrong-results)") == 1, "the advice for one cause is given once"


def test_a_warning_stands_at_the_top() -> None:
    warned = Check(id="visible", status="warn", detail="only the CPU is tested", hint="cpu-wheel-installed")
    good = Check(id="exact-fp32", gpu="cpu", status="pass")
    report = complete(Report(python="/p", level="quick", checks=(good, warned), verdict="not-run"))
    lines = drawn(report).splitlines()
    assert lines[0].startswith("DEGRADED")
    assert lines[1] == "warning: only the CPU is tested"


def test_markup_in_a_detail_is_only_text() -> None:
    check = Check(id="import", status="fail", detail="[bold]no[/bold] [/oops]", hint="[x]")
    report = complete(Report(python="/p", level="quick", checks=(check,), verdict="not-run"))
    assert "[bold]no[/bold] [/oops]" in drawn(report)
