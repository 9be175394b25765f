"""Version numbers put in order, and the nearest known one to a number that no table has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)", re.ASCII)
T = TypeVar("T", bound=tuple[int, ...])


@cache
def release_numbers(version: str) -> tuple[int, ...]:
    """Read the release numbers that a version begins with: (2, 16, 0) of `2.16.0.dev20261101+cu134`.

    Raises ValueError when it does not begin with a number.
    """
    match = _RELEASE.match(version)
    if match is None:
        raise ValueError(f"not a version: {version!r}")
    return tuple(map(int, match.group(1).split(".")))


def by_nearness(wanted: tuple[int, ...], known: Iterable[T]) -> list[T]:
    """Sort versions by their nearness to one; of two equally near the newer comes first.

    The first field that differs decides. Beyond it, an older candidate is the nearer the newer it is,
    and the other way round, so 7.14 is nearer to 8.0 than 7.2 is.
    """
    return sorted(known, key=lambda candidate: _distance(wanted, candidate))


def _distance(wanted: tuple[int, ...], candidate: tuple[int, ...]) -> tuple[tuple[int, ...], bool, tuple[int, ...]]:
    length = max(len(wanted), len(candidate))
    pairs = list(zip(_padded(wanted, length), _padded(candidate, length), strict=True))
    same = next((place for place, (left, right) in enumerate(pairs) if left != right), length)
    if same == length:
        return (0,) * length, False, ()
    left, right = pairs[same]
    older = right < left
    rest = tuple(-field if older else field for _, field in pairs[same + 1 :])
    return (*(0,) * same, abs(left - right)), older, rest


def _padded(version: tuple[int, ...], length: int) -> tuple[int, ...]:
    return version + (0,) * (length - len(version))
