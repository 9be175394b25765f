"""What holds for every test: the programs that they start can be interrupted, and decisions are those of one day."""

from __future__ import annotations

import signal

import pytest

from support.dated_tables import use_dated, use_live

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that: Ctrl-C would be without
# effect in every program under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

use_dated()  # what is made while tests are collected


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each test the tables that it is about, before any fixture looks something up."""
    if item.get_closest_marker("live_tables"):
        use_live()
    else:
        use_dated()
