"""Literal text for each shell language: what is quoted here comes back unchanged, byte for byte.

Paths may hold bytes that are not UTF-8; those arrive as lone surrogates, as `os.fsdecode` makes them,
and leave as the same bytes once the text is encoded with the `surrogateescape` error handler.
"""

from __future__ import annotations

import unicodedata

from torchup.errors import UsageError
from torchup.shell.kinds import language_named
from torchup.words import tr


class Quoted(str):
    """Text that is safe to stand in a script; the only thing that a template may print."""

    __slots__ = ()


def quote(language: str, text: str) -> Quoted:
    """Quote text as one literal word of a language, named by its name (in PowerShell: one string expression).

    Raises UsageError `path-unquotable` for newlines, NUL and other control characters, and in
    PowerShell for bytes that are no text at all.
    """
    _refuse_control_characters(text)
    return Quoted(language_named(language).quote(text))


def quote_entry(language: str, text: str, *, separator: str = ":") -> Quoted:
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
