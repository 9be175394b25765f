r"""Text from outside, made fit for a terminal and for scripts: what a person cannot see is spelled out.

Indexes, facts files, the system's names and other programs' output may hold escape sequences that move the cursor
or set the window's title, and marks that turn the order of letters round. They are shown as `\x1b` and `\u202e`.
"""

from __future__ import annotations

import re

# Control characters but tab and line feed, halves of surrogate pairs, separators of lines and paragraphs, marks of
# direction, and whatever else Unicode lets a terminal show as nothing. Joiners stay where they are part of writing:
# between the pictures of an emoji, and in the scripts from Arabic to Burmese. So do variation selectors, which choose
# between two forms of a sign that is seen.
_ALWAYS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff\ud800-\udfff"
)
_JOINER = "(?<![\u0600-\u109f\u1780-\u17b3\u203c-\u3299\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
_HIDDEN = re.compile(f"[{_ALWAYS}]|{_JOINER}")
_NOT_IN_A_LINE = re.compile(f"[\n\t]|{_HIDDEN.pattern}")
_RUN = re.compile(f"(?:{_HIDDEN.pattern})+")
_ONE_BYTE, _TWO_BYTES = 0xFF, 0xFFFF


def visible(text: str) -> str:
    """Spell out what would act on a terminal or not be seen there; line feeds and tabs stay, and CRLF ends a line."""
    return _HIDDEN.sub(_spelled, text.replace("\r\n", "\n"))


def visible_json(text: str) -> str:
    """Spell the same characters as JSON does, inside its strings: what reads it gets them back."""
    return _HIDDEN.sub(_as_json, text)


def hidden(text: str) -> str | None:
    """Give the first character that a name or a path of one line does not have, None where all is well."""
    found = _NOT_IN_A_LINE.search(text)
    return found[0] if found else None


def runs(text: str) -> list[tuple[bool, str]]:
    """Cut a text into pieces whose characters are all hidden (True), or all seen (False)."""
    pieces, end = [], 0
    for found in _RUN.finditer(text):
        pieces += [(False, text[end : found.start()]), (True, found[0])]
        end = found.end()
    return [piece for piece in [*pieces, (False, text[end:])] if piece[1]]


def _spelled(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _ONE_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _TWO_BYTES else f"\\U{code:08x}"


def _as_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
