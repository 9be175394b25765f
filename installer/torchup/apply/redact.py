"""Take credentials out of what is shown or logged."""

from __future__ import annotations

from collections.abc import Iterable

from torchup.tokens import HIDDEN, without_tokens

_SHORTEST = 4
"""Shorter secrets are words that also occur elsewhere; in a URL they are hidden all the same."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide these secrets wherever they occur, and whatever has the shape of one."""
    for secret in sorted({part for value in secrets for part in value.split()}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return without_tokens(text)
