"""How long a test lets what must not wait: a busy machine is slow, but it makes no half a minute out of nothing.

What would be waited for (a sleeping child, a silent server) takes LONG; what is right ends SOON even where other
programs take most of the processor. Work is held to processor time, which others do not count towards.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support import loaded

SOON = 25.0
LONG = 90


@contextmanager
def soon() -> Iterator[None]:
    """Fail when what is done inside waited for something."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < SOON, f"took {took:.1f} s"


@contextmanager
def little_work(seconds: float) -> Iterator[None]:
    """Fail when this process and the children that end inside compute for longer."""
    began = computed()
    yield
    took = computed() - began
    assert took < seconds, f"computed for {took:.1f} s"


def computed() -> float:
    """Give the processor time of this process, the children that it waited for, and the forks of the loaded program."""
    user, system, user_of_children, system_of_children, _ = os.times()
    return user + system + user_of_children + system_of_children + loaded.computed()
