"""Literal text for a YAML file: one double-quoted scalar, ASCII only, that any YAML reader takes back unchanged."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.shell.quoting import Quoted
from torchup.words import tr

_BYTE, _PLANE = 0x100, 0x10000


def quote_yaml(text: str) -> Quoted:
    """Quote text as one YAML scalar; raises UsageError `path-unquotable` for bytes that are no text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(
            tr("A path that is not valid text cannot be written into a YAML file."),
            code="path-unquotable",
            evidence=(repr(text),),
            hint=tr("Use a path whose name is valid UTF-8, for example through a link."),
        )
    return Quoted('"' + "".join(map(_escape, text)) + '"')


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    code = ord(character)
    if code < _BYTE:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < _PLANE else f"\\U{code:08X}"
