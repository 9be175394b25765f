"""Wait until a package manager's lock is free, and say all the while who holds it."""

from __future__ import annotations

import time
from collections.abc import Callable

from torchup.apply.events import LockWait, OnEvent
from torchup.apply.interrupts import Interrupts
from torchup.apply.package_locks import LockHolder, lock_holder
from torchup.errors import StepError
from torchup.words import tr

LONGEST_SECONDS = 900.0
_POLL_SECONDS = 0.2
_TELL_SECONDS = 1.0


def wait_for_lock(
    manager: str,
    interrupts: Interrupts,
    on_event: OnEvent,
    *,
    find: Callable[[str], LockHolder | None] = lock_holder,
    longest_seconds: float = LONGEST_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Return when nobody holds the lock, or when the person wants to stop.

    Raises StepError (package-lock) after `longest_seconds`.
    """
    began = now()
    told = float("-inf")
    while not interrupts.count and (holder := find(manager)) is not None:
        waited = now() - began
        if waited > longest_seconds:
            raise StepError(
                tr(
                    "The lock of {manager} is still held by {holder} after {minutes:.0f} minutes.",
                    manager=manager,
                    holder=holder,
                    minutes=waited / 60,
                ),
                code="package-lock",
                evidence=(holder.path,),
                hint=_hint(manager, holder),
            )
        if now() - told >= _TELL_SECONDS:
            told = now()
            on_event(LockWait(holder=str(holder), path=holder.path, seconds=waited))
        sleep(_POLL_SECONDS)


def _hint(manager: str, holder: LockHolder) -> str:
    if manager == "pacman" and holder.pid is None:
        return tr(
            "If no pacman is at work, an earlier one left the file behind: sudo rm {path}, then run again.",
            path=holder.path,
        )
    return tr("Wait until it has ended (on a new machine it is often the first automatic update), then run again.")
