"""A plugin of pytest that writes how much work each file of tests is: `make durations` renews tests/durations.txt.

Work is processor time, of the tests and of the programs that they wait for: other users of the machine change it
little. What a test ends without waiting for it, such as a terminal, is not counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from support.patience import computed

RECORD = Path(__file__).parents[1] / "durations.txt"
HEAD = """\
# What each file of tests takes: seconds of processor time, seconds on the clock, number of tests. `make durations` renews it.
# The clock counts whatever else the machine did, too. Files that take less than a second are summed up.
"""
_WORK, _CLOCK, _TESTS = (Counter[str]() for _ in range(3))
_since = (0.0, 0.0)


def pytest_runtest_logstart() -> None:
    global _since  # noqa: PLW0603  one test runs at a time
    _since = (computed(), time.monotonic())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what a part of a test took to the process that collects the reports."""
    global _since
    report = yield
    before, _since = _since, (computed(), time.monotonic())
    report.user_properties.append(("took", [now - was for now, was in zip(_since, before, strict=True)]))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    file = report.nodeid.partition("::")[0]
    if file.startswith("tests/unit"):
        file = "tests/unit"
    # A later part of a test carries the figures of the earlier ones with it.
    took: list[Any] = [figures for name, figures in report.user_properties if name == "took"]
    work, clock = took[-1]
    _WORK[file] += work
    _CLOCK[file] += clock
    _TESTS[file] += report.when == "call"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or not _TESTS:
        return
    small = [file for file in _TESTS if _WORK[file] < 1]
    for counter in (_WORK, _CLOCK, _TESTS):
        counter["others"] = sum(counter.pop(file) for file in small)
    rows = [(_WORK[file], _CLOCK[file], _TESTS[file], file) for file, _ in _WORK.most_common()]
    rows.append((_WORK.total(), _CLOCK.total(), _TESTS.total(), "all"))
    lines = [f"{work:8.1f} {clock:8.1f} {tests:6}  {file}\n" for work, clock, tests, file in rows]
    RECORD.write_text(HEAD + "".join(lines), encoding="utf-8")
