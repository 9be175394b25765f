"""The language of what torchup says: English in the source, other languages from gettext catalogues.

The language is chosen once, before anything is said, and holds for the whole run. Error codes, answer keys,
commands and file contents that programs read are the same in every language and never pass through here.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from torchup.own_variables import LANGUAGE

Language = Literal["en", "zh"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
DOMAIN = "torchup"
# Not pathlib: this is read on every start, and `--help` has to be quick.
LOCALE = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120

_VARIABLES = (LANGUAGE, "LC_ALL", "LC_MESSAGES", "LANG")


def _untranslated(text: str) -> str:
    return text


_translate: Callable[[str], str] = _untranslated


def tr(text: str, /, **values: object) -> str:
    """Say a sentence in the chosen language, its named fields filled with `values` as `str.format` does.

    Without values the text is taken as it is, braces and all. A catalogue's test sees to it that translations have
    the fields of the original.
    """
    text = _translate(text)
    return text.format(**values) if values else text


def mark(text: str) -> str:
    """Mark a text of a table for the catalogues; `tr` says it when it is shown, after the language is known."""
    return text


def retell(said: Any) -> str:
    """Say in the chosen language what another process has said in English, as its `told` wrote it down.

    A sentence is `{"text": TEMPLATE, "values": {NAME: PART}}`, several in a row are `{"texts": [PART, ...], "between":
    ", "}`; a part is one of these, or a string. Raises LookupError or ValueError where it is anything else.
    """
    match said:
        case str():
            return said
        case {"text": str(text), "values": dict(values)}:
            return tr(text, **{name: _AsItIs(retell(value)) for name, value in values.items()})
        case {"texts": list(texts), "between": str(between)}:
            return tr(between).join(map(retell, texts))
    raise ValueError(said)


class _AsItIs(str):
    """A value that was written where the sentence was made; what a field says about digits was done there."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


def use(language: Language) -> None:
    """Say everything from now on in this language. A catalogue that was not compiled leaves the English."""
    global _translate  # noqa: PLW0603  one process speaks one language
    if language == "en":
        _translate = _untranslated
        return
    import gettext

    _translate = gettext.translation(DOMAIN, LOCALE, [language], fallback=True).gettext


def choose_language(arguments: Sequence[str], environ: Mapping[str, str]) -> Language:
    """Choose by `--lang`, then TORCHUP_LANG, then the locale of messages; a language without a catalogue is English.

    The command line is looked at before it is parsed, because its help and its errors are said in the language too.
    """
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == "--lang":
            wanted = value if equals else "".join(arguments[number + 1 : number + 2])
            return _language(wanted) or "en"
    # The first variable that is set decides, as it does for every program.
    decisive = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return _language(decisive) or "en"


def _language(name: str) -> Language | None:
    """Match `zh`, `zh_CN.UTF-8`, `zh-Hans` and the like; every Chinese gets the simplified characters."""
    primary = name.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return next((language for language in LANGUAGES if language == primary), None)
