"""The page: self-contained, escaped, and with everything that a ticket needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.model.outcome import Check, Report
from torchup.ui.report_html import bar_of, report_page
from torchup.verify.run import complete

MADE = datetime(2026, 11, 25, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "</style><b>",
    "javascript:alert(1)",
    "a\x00b\x1b[31m\u202e",
)


class Reader(HTMLParser):
    """Collects the tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def report(text: str = "fine", **changes: Any) -> Report:
    checks = (
        Check(id="import", status="pass", value=4.2, unit="s", detail=text),
        Check(
            id="matmul-fp32", gpu="cuda:0", status="pass", value=2.9e-7, threshold=1e-5, unit="relative", detail=text
        ),
        Check(
            id="matmul-bf16", gpu="cuda:0", status="fail", value=0.31, threshold=6e-3, detail=text, hint="wrong-results"
        ),
        Check(id="visible", status="warn", detail=f"only {text}", hint="cpu-wheel-installed"),
        Check(id="strange", status="error", detail=text, hint=text),
        Check(id="later", gpu="cuda:0", status="skip", reached=False, detail=text),
    )
    environment = {
        "devices": [{"device": "cuda:0", "name": text, "capability": "8.9", "memory_mib": 24564}],
        "variables": {"CUDA_HOME": text, text: "x"},
        "machine": {
            "os": {"system": "linux"},
            "gpus": [{"name": text, "memory_mib": 1}],
            "findings": [{"code": "c", "text": text}],
        },
        "shells": {"bash login": {"variables": {"PATH": text}, "programs": {"nvcc": text}}},
        "chosen_by": text,
    }
    made = Report(
        python=text,
        level="quick",
        torch_version=text,
        devices=("cuda:0",),
        environment=environment,
        checks=checks,
        verdict="fail",
        warnings=(f"at the top {text}",),
    )
    return complete(replace(made, **changes))


def test_the_verdict_and_the_warnings_come_first() -> None:
    page = Reader(report_page(report(), made=MADE))
    text = " ".join(page.text.split())
    assert text.index("Failed") < text.index("Warning: at the top fine") < text.index("What is wrong")
    assert text.index("What is wrong") < text.index("cuda:0: fine, compute capability 8.9") < text.index("Environment")


def test_every_failing_check_has_its_cause_and_fix() -> None:
    page = report_page(report(), made=MADE)
    assert "The device computes wrongly" in page
    assert "nvidia-smi -q -d ECC" in page
    assert "Not reached, because fine: later" in " ".join(Reader(page).text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_the_machine_says_becomes_part_of_the_page(text: str) -> None:
    harmless = Reader(report_page(report(), made=MADE))
    hostile = Reader(report_page(report(text), made=MADE))
    shape = [(tag, sorted(attributes)) for tag, attributes in hostile.tags]
    assert shape == [(tag, sorted(attributes)) for tag, attributes in harmless.tags]
    for name in ("on", "href", "src"):
        assert not [tag for tag, attributes in hostile.tags if any(key.startswith(name) for key in attributes)]


@given(st.text(min_size=1, max_size=30))
def test_no_text_changes_the_shape_of_the_page(text: str) -> None:
    page = Reader(report_page(report(f"x{text}"), made=MADE))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in Reader(report_page(report("xx"), made=MADE)).tags]


def test_it_needs_nothing_from_elsewhere() -> None:
    page = report_page(report(), made=MADE)
    tags = Reader(page).tags
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe", "object", "base", "form")]
    policy = next(attributes["content"] for tag, attributes in tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert "url(" not in page
    assert "@import" not in page
    assert "http:" not in page


@pytest.mark.parametrize(
    ("value", "threshold", "unit", "length", "words"),
    [
        (5e-6, 1e-5, "relative", 45.0, "50.0% of the limit"),
        (1e-5, 1e-5, "relative", 90.0, "100.0% of the limit"),
        (1.0, 1e-5, "relative", 120.0, "10000000.0% of the limit"),
        (1e-12, 1e-5, "relative", 1.5, "0.0% of the limit"),
        (80.0, 100.0, "TFLOPS", 72.0, "80% of the reference"),
    ],
)
def test_bars(value: float, threshold: float, unit: str, length: float, words: str) -> None:
    bar = bar_of(Check(id="x", status="pass", value=value, threshold=threshold, unit=unit))
    assert bar is not None
    assert (bar.length, bar.words) == (length, words)


@pytest.mark.parametrize("threshold", [None, 0.0])
def test_no_bar_without_a_reference(threshold: float | None) -> None:
    assert bar_of(Check(id="x", status="pass", value=0.0, threshold=threshold)) is None
    assert bar_of(Check(id="x", status="pass", value="cpu", threshold=1.0)) is None
