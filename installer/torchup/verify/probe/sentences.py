"""Sentences that remember how they were made, so that torchup can say them in another language than English.

The script itself speaks English. In its report a sentence stands twice: as text, and as its template with the texts
that fill it, which torchup looks up in its catalogues. Whatever is told to a person passes through `say`; what another
program has said, names and numbers stay as they are.
"""

from __future__ import annotations

import string
from typing import Any, Iterable, Mapping


class Sentence(str):
    """An English sentence with its template and the texts that fill it, each of which may be a sentence too."""

    template: str
    texts: Mapping[str, str]

    def __new__(cls, template: str, texts: Mapping[str, str]) -> Sentence:
        """Fill the template; one without texts is taken as it is, braces and all."""
        parts = string.Formatter().parse(template) if texts else [(template, None, None, None)]
        made = super().__new__(cls, "".join(text + (texts[name] if name else "") for text, name, _, _ in parts))
        made.template, made.texts = template, texts
        return made


class Listing(str):
    """Several texts in a row, each of which may be a sentence; what stands between them differs with the language."""

    texts: tuple[str, ...]
    between: str

    def __new__(cls, texts: Iterable[str], between: str) -> Listing:
        """Join the texts."""
        kept = tuple(texts)
        made = super().__new__(cls, between.join(kept))
        made.texts, made.between = kept, between
        return made


def say(template: str, **values: object) -> Sentence:
    """Make a sentence; its fields are filled as `str.format` does it, and numbers are text from here on."""
    texts = {}
    for _, name, spec, _ in string.Formatter().parse(template) if values else ():
        if name:
            value = values[name]
            texts[name] = value if isinstance(value, (Sentence, Listing)) else format(value, spec or "")
    return Sentence(template, texts)


def listed(texts: Iterable[str], between: str = ", ") -> Listing:
    """Put texts in a row."""
    return Listing(texts, between)


def mark(text: str) -> str:
    """Mark a text of a table as one for the catalogues; `say` says it where it is used."""
    return text


COMMA, SEMICOLON = mark(", "), mark("; ")


def words_of(error: BaseException) -> str:
    """Give the sentence that an exception was raised with, or what the exception says."""
    said = error.args[0] if len(error.args) == 1 else None
    return said if isinstance(said, str) else str(error)


def told(text: str) -> Any:
    """Write a text as JSON can hold it, with how it was made."""
    if isinstance(text, Sentence):
        return {"text": text.template, "values": {name: told(value) for name, value in text.texts.items()}}
    if isinstance(text, Listing):
        return {"texts": [told(part) for part in text.texts], "between": text.between}
    return text


def heard(data: Any) -> str:
    """Read a text from what `told` wrote."""
    if isinstance(data, str):
        return data
    if "texts" in data:
        return Listing(map(heard, data["texts"]), data["between"])
    return Sentence(data["text"], {name: heard(value) for name, value in data["values"].items()})
