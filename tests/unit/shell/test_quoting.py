"""Quoting: what is refused, and the exact spelling where no shell can be asked."""

from __future__ import annotations

import pytest

from torchup.errors import UsageError
from torchup.shell.kinds import LANGUAGES
from torchup.shell.quoting import quote, quote_entry


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("bad", ["/a\nb", "/a\0b", "/a\rb", "/a\tb", "/a\x1bb", "/a\x7fb", "/a\x85b"])
def test_control_characters_are_refused(language: str, bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        quote(language, bad)
    assert caught.value.code == "path-unquotable"
    assert "U+00" in caught.value.evidence[0]


def test_a_colon_is_refused_in_an_entry_but_not_in_a_plain_path() -> None:
    assert quote("sh", "/a:b") == "'/a:b'"
    with pytest.raises(UsageError) as caught:
        quote_entry("sh", "/a:b")
    assert caught.value.code == "path-has-colon"
    assert quote_entry("powershell", r"C:\cuda", separator=";") == r"'C:\cuda'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C:\\Program Files", "'C:\\Program Files'"),
        ("it's $x `n", "'it''s $x `n'"),
        ("/ü", "('' + '/' + [char]0x00FC)"),
        # PowerShell ends a string at a typographic quote too.
        ("a’b'", "('' + 'a' + [char]0x2019 + 'b''')"),
        ("\U0001f600", "('' + [char]0xD83D + [char]0xDE00)"),
        ("", "''"),
    ],
)
def test_powershell_spelling(text: str, expected: str) -> None:
    assert quote("powershell", text) == expected


def test_powershell_refuses_bytes_that_are_no_text() -> None:
    with pytest.raises(UsageError) as caught:
        quote("powershell", "/\udcff")
    assert caught.value.code == "path-unquotable"


def test_bytes_that_are_no_text_keep_their_value_elsewhere() -> None:
    assert quote("sh", "/\udcff").encode("utf-8", "surrogateescape") == b"'/\xff'"
