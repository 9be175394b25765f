"""Take credentials out of what is shown or logged."""

from __future__ import annotations

import re
from collections.abc import Iterable

_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@'\"]+@", re.IGNORECASE)
HIDDEN = "****"
_SHORTEST = 4
"""Shorter secrets are words that also occur elsewhere; in a URL they are hidden all the same."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide user names and passwords in URLs, and these secrets wherever they occur."""
    text = _IN_URL.sub(rf"\g<scheme>{HIDDEN}@", text)
    for secret in sorted({part for value in secrets for part in value.split()}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text
