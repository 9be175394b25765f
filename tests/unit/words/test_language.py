"""Which language is spoken, and what `tr` does with fields."""

from __future__ import annotations

import pytest

from torchup import words
from torchup.words import choose_language, tr


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"{n} files in {place}": "{place} 里有 {n} 个文件"}
    monkeypatch.setattr(words, "_translate", lambda text: said.get(text, text))


@pytest.mark.parametrize(
    ("arguments", "environ", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh"}, "zh"),
        ([], {"LANG": "zh-Hans"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {"LANG": "C.UTF-8"}, "en"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ([], {"LANG": "en_US.UTF-8", "TORCHUP_LANG": "zh"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "TORCHUP_LANG": "en"}, "en"),
        (["--lang", "zh"], {"TORCHUP_LANG": "en"}, "zh"),
        (["setup", "--lang=zh"], {}, "zh"),
        (["setup", "--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["setup", "--lang"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["setup", "--", "--lang", "zh"], {}, "en"),
        (["setup", "--language", "zh"], {}, "en"),
    ],
)
def test_the_language_is_chosen_by_option_then_variable_then_locale(
    arguments: list[str], environ: dict[str, str], language: str
) -> None:
    assert choose_language(arguments, environ) == language


def test_fields_are_filled_after_the_translation(chinese: None) -> None:
    assert tr("{n} files in {place}", n=3, place="/tmp/a{b}") == "/tmp/a{b} 里有 3 个文件"


def test_a_text_without_values_keeps_its_braces(chinese: None) -> None:
    assert tr("write {} and {name}") == "write {} and {name}"
