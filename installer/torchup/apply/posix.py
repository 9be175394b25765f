"""POSIX sh text: words, here-documents and byte-exact `printf`.

Whoever reads the script on a terminal sees all of it: characters that would act there or not be seen stand in
octal, and the shell gets them all the same.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable

from torchup.visible import runs, visible

_LINE = 60


def word(text: str) -> str:
    """Write one word; what is hidden becomes a `printf`, whose output the quotes keep in one piece."""
    pieces = runs(text)
    if not any(is_hidden for is_hidden, _ in pieces):
        return shlex.quote(text)
    return "".join(_printed(piece) if is_hidden else shlex.quote(piece) for is_hidden, piece in pieces)


def words(argv: Iterable[str]) -> str:
    """Write an argument vector as one line."""
    return " ".join(map(word, argv))


def comment(text: str) -> str:
    """Write a comment of one line, whatever the text holds."""
    return "# " + " ".join(visible(text).split())


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
    shown = all(c in "\n\t" or not unicodedata.category(c).startswith("C") for c in text)
    return text if shown and visible(text) == text else None


def _printed(text: str) -> str:
    """Write what prints these characters; none of them is a line feed, which would be lost at the end."""
    octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
    return f"\"$(printf '{octal}')\""


def _octal(content: bytes) -> str:
    # A dash is escaped too: at the start of a format some shells take it for an option.
    safe = frozenset(b' ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=.,:/@#$(){}[]<>*?!|&;^~"`')
    return "".join(chr(byte) if byte in safe else f"\\{byte:03o}" for byte in content)
