"""Doubles of the operating system's calls: they fail, or the process dies or stops, at a chosen call."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from torchup.apply.os_calls import RealCalls

NAMES = (
    "open",
    "close",
    "write",
    "fsync",
    "fchmod",
    "fchown",
    "setxattr",
    "removexattr",
    "ftruncate",
    "replace",
    "link",
    "unlink",
)


class _Calls(RealCalls):
    """The real calls, each announced to `_before` first."""

    def __init__(self) -> None:
        for name in NAMES:
            setattr(self, name, self._wrapped(name, getattr(RealCalls, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return self._before(name, real, arguments)

        return call

    def _before(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        raise NotImplementedError


class FailingCalls(_Calls):
    """Fails every call named in `fail`; runs `before` ahead of a call, once."""

    def __init__(
        self,
        *,
        fail: set[str] | None = None,
        error: int = 0,
        before: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        super().__init__()
        self.fail = fail or set()
        self.error = error
        self.before = dict(before or {})

    def _before(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if name in self.before:
            self.before.pop(name)()
        if name in self.fail:
            raise OSError(self.error, os.strerror(self.error))
        return real(*arguments)


class CountedCalls(_Calls):
    """Counts the calls; at number `at` (from 1) it fails with `error`, or kills the process without one.

    With `short` a write takes at most one byte. A failing write first writes half of what it was given, as a
    full disk does.
    """

    def __init__(self, *, at: int = 0, error: int | None = None, short: bool = False) -> None:
        super().__init__()
        self.at = at
        self.error = error
        self.short = short
        self.seen: list[str] = []

    def _before(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self.seen.append(name)
        if len(self.seen) == self.at:
            if self.error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "close":
                real(*arguments)
            elif name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise OSError(self.error, os.strerror(self.error or 0))
        if name == "write" and self.short:
            return real(arguments[0], arguments[1][:1])
        return real(*arguments)


class StoppedCalls(_Calls):
    """Stops the process before call number `at`, until somebody lets it go on."""

    def __init__(self, *, at: int) -> None:
        super().__init__()
        self.at = at
        self.number = 0

    def _before(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self.number += 1
        if self.number == self.at:
            os.kill(os.getpid(), signal.SIGSTOP)
        return real(*arguments)
