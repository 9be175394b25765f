"""POSIX sh text: words, here-documents and byte-exact `printf`."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable

_LINE = 60
_ASCII_END = 0x7F


def words(argv: Iterable[str]) -> str:
    """Write an argument vector as one line."""
    return " ".join(map(shlex.quote, argv))


def comment(text: str) -> str:
    """Write a comment of one line, whatever the text holds."""
    return "# " + " ".join("".join(c if c.isprintable() else " " for c in text).split())


def output(content: bytes, redirection: str) -> str:
    """Write lines of sh that send exactly these bytes to a redirection such as `>'file'`.

    Plain text becomes a here-document, which a person can read. What that cannot carry (bytes that are no
    text, control characters, a last line without an end) becomes `printf` with octal escapes.
    """
    text = _plain(content)
    if text is None:
        lines = [f"  printf '{_octal(content[at : at + _LINE])}'" for at in range(0, len(content), _LINE)]
        return "\n".join(["{", *(lines or ["  :"]), f"}} {redirection}"])
    end = "TORCHUP"
    while end in text.split("\n"):
        end += "_"
    return f"cat {redirection} <<'{end}'\n{text}{end}"


def _plain(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if not text.endswith("\n"):
        return None
    return text if all(c in "\n\t" or not unicodedata.category(c).startswith("C") for c in text) else None


def _octal(content: bytes) -> str:
    # A dash is escaped too: at the start of a format some shells take it for an option.
    safe = frozenset(b' ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=.,:/@#$(){}[]<>*?!|&;^~"`')
    return "".join(chr(byte) if byte in safe else f"\\{byte:03o}" for byte in content)
