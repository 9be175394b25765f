"""Problems of a file or of settings, each at its place, gathered into one report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from torchup.errors import UsageError
from torchup.words import tr

MOST_SHOWN = 100
LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One problem: `line` and `column` count from 1, and `key` is dotted or empty."""

    line: int
    column: int
    key: str
    text: str

    def at(self, source: str) -> str:
        """Write it as editors and compilers do: `file:line:column: key: text`."""
        key = f"{self.key}: " if self.key else ""
        return clean(f"{source}:{self.line}:{self.column}: {key}{self.text}")


def clean(text: str) -> str:
    """Make text from a file fit for one line of a terminal: no control characters, not endless."""
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 3] + "..."


def shown(text: str) -> str:
    """Repeat a text in a message, in quotes, unless it may hold credentials."""
    return tr("this text") if "@" in text else repr(clean(text[:80]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean 'x'?` for the nearest known word, or nothing."""
    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return tr("; did you mean {near!r}?", near=near[0]) if near else ""


def not_a_string(value: Any, text: str | None) -> str:
    """Say that a value is no string; `text` is how it stands in the file, if it stands there without quotes."""
    if text is None or isinstance(value, list | dict):
        return tr("{value} is not a string", value=kind_of(value))
    if not text or value is None:
        return tr("no value is given; leave the key out for its default")
    read_as = kind_of(value)
    if not isinstance(value, bool):
        read_as = tr("a number") if read_as == text else tr("the number {number}", number=read_as)
    return tr('{text} is read as {read_as}; write it in quotes: "{text}"', text=text, read_as=read_as)


def kind_of(value: Any) -> str:
    """Name a value that has the wrong type."""
    if isinstance(value, dict):
        return tr("a mapping")
    if isinstance(value, list):
        return tr("a list")
    if value is None:
        return tr("no value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(value) if isinstance(value, str) else repr(value)


def report(source: str, problems: Iterable[Located]) -> tuple[str, ...]:
    """Give the evidence lines in the order of the file, and count those beyond the first hundred."""
    lines = [problem.at(source) for problem in sorted(set(problems))]
    if len(lines) > MOST_SHOWN:
        lines[MOST_SHOWN:] = [tr("{source}: and {count} more", source=source, count=len(lines) - MOST_SHOWN)]
    return tuple(lines)


def counted(number: int) -> str:
    """Give `1 problem` or `3 problems`."""
    return tr("1 problem") if number == 1 else tr("{number} problems", number=number)


def answers_invalid(what: str, evidence: tuple[str, ...], number: int) -> UsageError:
    """Build the error for answers that cannot be used, whatever way they came in."""
    return UsageError(
        tr("{what} has {problems}.", what=what, problems=counted(number)),
        code="answers-invalid",
        evidence=evidence,
        hint=tr("`torchup answers init` prints an example with every key explained."),
    )
