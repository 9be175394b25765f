"""Numbers as files and tools print them."""

from __future__ import annotations

_MOST_DIGITS = 18


def whole_number(text: str | None) -> int | None:
    """Read a decimal number of plain digits that fits in 60 bits; None for anything else."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        return None
    return int(text)
