"""Recognise a file whose writing in place was cut off."""

from __future__ import annotations

from itertools import takewhile


def torn_between(current: bytes, old: bytes, new: bytes) -> bool:
    """Tell whether `current` is what a cut-off write of `new` over `old` leaves.

    Such a write goes from the first byte to the last and cuts the file to length at the end, so what is
    left is a beginning of `new` followed by the rest of `old`. Both ends themselves count too.
    """
    if current == new:
        return True
    if len(current) == len(old):
        return _agree(current, new) + _agree(current[::-1], old[::-1]) >= len(current)
    return len(current) > len(old) and new.startswith(current)


def _agree(left: bytes, right: bytes) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
