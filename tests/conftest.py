"""What holds for every test: interruptible programs, the tables of one day, and which of the three runs has it."""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from support.dated_tables import use_dated, use_live
from support.tools import NIGHTLY, REAL, in_ci

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that: Ctrl-C would be without
# effect in every program under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
# A busy machine is no fault of the code: no example has to be done within 200 ms.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

use_dated()  # what is made while tests are collected


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each test the tables that it is about, before any fixture looks something up."""
    if item.get_closest_marker("live_tables"):
        use_live()
    else:
        use_dated()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/real, and leave out what another run is there for."""
    real = pytest.mark.skip(reason="a real part that takes long: make test-real (TORCHUP_REAL=1) runs it")
    nightly = pytest.mark.skip(reason="one more of its kind: make test-nightly (TORCHUP_NIGHTLY=1) runs it")
    for item in items:
        if item.path.is_relative_to(HERE / "real"):
            item.add_marker("real")
        if item.get_closest_marker("real") and not REAL:
            item.add_marker(real)
        if item.get_closest_marker("nightly") and not NIGHTLY:
            item.add_marker(nightly)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no real part be skipped in the run that is there for them, where CI=true; the night's have a run of their own."""
    report = yield
    if report.skipped and in_ci() and REAL and item.get_closest_marker("real") and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if "TORCHUP_NIGHTLY" in reason:
            return report
        report.outcome = "failed"
        report.longrepr = f"{reason}, but CI has to run every real part"
    return report
