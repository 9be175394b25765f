"""Recognise a file whose writing in place was cut off."""

from __future__ import annotations


def torn_between(current: bytes, old: bytes, new: bytes) -> bool:
    """Tell whether `current` is what a cut-off write of `new` over `old` leaves.

    Such a write goes from the first byte to the last and cuts the file to length at the end, so what is
    left is a beginning of `new` followed by the rest of `old`. Both ends themselves count too.
    """
    if current == new:
        return True
    if len(current) == len(old):
        return common_prefix(current, new) + common_prefix(current[::-1], old[::-1]) >= len(current)
    return len(current) > len(old) and new.startswith(current)


def common_prefix(left: bytes, right: bytes) -> int:
    """Count the bytes with which both begin; quick for files of many MiB."""
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    # Invariant: the first `low` bytes agree, the first `high` do not.
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low
