"""What rich does with text, where it has no setting for it: control characters, and where lines of Chinese break.

rich takes five control characters out of a text and lets all others through. Here they are shown instead, before
lines are laid out, so that widths are right.

rich breaks lines at blanks alone. Chinese has next to none, so a paragraph would begin with a line of one word. Lines
may break between any two characters of it, but not before a closing mark.

A command in backticks is there to be pasted: no line breaks at its blanks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import _wrap
from rich import text as rich_text

from torchup.visible import visible

_NOT_BEFORE = "，。、；：！？）】》」』”’…,.;:!?)]}%"
_NOT_AFTER = "（【《「『“‘([{"
_FIRST_WIDE = 0x2E80  # the blocks of Chinese, Japanese and Korean begin here

# None where a later rich has no such function: then lines break at blanks alone, and nothing else is lost.
_at_blanks = getattr(_wrap, "words", None)


def _shown(plain: str, _table: object = None) -> str:
    return visible(plain)


def adapt_rich() -> None:
    """Let rich treat text so from now on: functions of its own are replaced."""
    rich_text.strip_control_codes = _shown  # type: ignore[attr-defined, assignment]  # rich imports it there
    if _at_blanks is not None:
        _wrap.words = _words


def _words(text: str) -> Iterable[tuple[int, int, str]]:
    for start, end, word in _whole_commands(_at_blanks(text)) if _at_blanks else ():
        if word.isascii():
            yield start, end, word
        else:
            yield from ((start + first, start + last, word[first:last]) for first, last in _pieces(word))


def _whole_commands(words: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    held: list[tuple[int, int, str]] = []
    for word in words:
        held.append(word)
        if sum(text.count("`") for _, _, text in held) % 2 == 0:
            yield held[0][0], word[1], "".join(text for _, _, text in held)
            held = []
    yield from held  # behind a backtick that nothing closes


def _pieces(word: str) -> Iterator[tuple[int, int]]:
    first = 0
    for place in range(1, len(word)):
        before, after = word[place - 1], word[place]
        if (
            (_is_wide(before) or _is_wide(after))
            and not after.isspace()
            and after not in _NOT_BEFORE
            and before not in _NOT_AFTER
            and not before.isspace()
        ):
            yield first, place
            first = place
    yield first, len(word)


def _is_wide(letter: str) -> bool:
    return ord(letter) >= _FIRST_WIDE
