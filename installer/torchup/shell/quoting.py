"""Literal text for each shell language: what is quoted here comes back unchanged, byte for byte.

Paths may hold bytes that are not UTF-8; those arrive as lone surrogates, as `os.fsdecode` makes them,
and leave as the same bytes once the text is encoded with the `surrogateescape` error handler.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

from torchup.errors import UsageError
from torchup.words import tr

Language = Literal["bash", "zsh", "sh", "fish", "csh", "powershell"]


class Quoted(str):
    """Text that is safe to stand in a script; the only thing that a template may print."""

    __slots__ = ()


def quote(language: Language, text: str) -> Quoted:
    """Quote text as one literal word (in PowerShell: one string expression).

    Raises UsageError `path-unquotable` for newlines, NUL and other control characters, and in
    PowerShell for bytes that are no text at all.
    """
    _refuse_control_characters(text)
    return Quoted(_QUOTERS[language](text))


def quote_entry(language: Language, text: str, *, separator: str = ":") -> Quoted:
    """Quote one entry of a variable such as PATH; raises UsageError `path-has-colon` for the separator."""
    check_entry(text, separator=separator)
    return quote(language, text)


def check_entry(text: str, *, separator: str = ":") -> None:
    """Refuse what cannot be one entry of a variable such as PATH."""
    if separator in text:
        raise UsageError(
            tr("A directory whose name holds {separator!r} cannot be an entry of PATH.", separator=separator),
            code="path-has-colon",
            evidence=(repr(text),),
            hint=tr("Move it, or make a link to it under a name without that character, and give the link."),
        )
    _refuse_control_characters(text)


def _refuse_control_characters(text: str) -> None:
    bad = sorted({character for character in text if unicodedata.category(character) == "Cc"})
    if bad:
        raise UsageError(
            tr("A path with a newline or another control character cannot be written into a start-up file."),
            code="path-unquotable",
            evidence=(
                tr(
                    "{text!r} holds {characters}",
                    text=text,
                    characters=", ".join(f"U+{ord(character):04X}" for character in bad),
                ),
            ),
            hint=tr("Use a path without control characters, for example through a link."),
        )


def _quote_sh(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _quote_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quote_csh(text: str) -> str:
    # `!` is history expansion even between single quotes, and `set backslash_quote` changes what a
    # backslash means there; outside quotes a backslash has one meaning for all three.
    return "'" + "".join(f"'\\{character}'" if character in "'!\\" else character for character in text) + "'"


def _quote_powershell(text: str) -> str:
    # Windows PowerShell reads a file without a byte order mark in the ANSI code page, so the script
    # stays ASCII and other characters are spelled as UTF-16 units. That also covers the typographic
    # quotes, which PowerShell takes for straight ones.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            tr("A path that is not valid text cannot be written into a PowerShell profile."),
            code="path-unquotable",
            evidence=(repr(text),),
            hint=tr("Use a path whose name is valid UTF-8, for example through a link."),
        ) from error
    if text.isascii():
        return "'" + text.replace("'", "''") + "'"
    parts = ["''"]
    plain = ""
    for character in text:
        if character.isascii():
            plain += character
            continue
        if plain:
            parts.append("'" + plain.replace("'", "''") + "'")
            plain = ""
        units = character.encode("utf-16-be")
        parts.extend(f"[char]0x{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))
    if plain:
        parts.append("'" + plain.replace("'", "''") + "'")
    return "(" + " + ".join(parts) + ")"


_QUOTERS: dict[Language, Callable[[str], str]] = {
    "bash": _quote_sh,
    "zsh": _quote_sh,
    "sh": _quote_sh,
    "fish": _quote_fish,
    "csh": _quote_csh,
    "powershell": _quote_powershell,
}
