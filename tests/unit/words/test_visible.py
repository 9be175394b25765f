"""What cannot be seen is spelled out, and everything else is left alone."""

from __future__ import annotations

import json
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.tools import require
from torchup.apply.posix import comment, word
from torchup.visible import hidden, runs, visible, visible_json

TEXTS = st.text(
    st.characters(exclude_categories=[]) | st.sampled_from("\x1b\x9b\x07\r\n\t\u202e\u200d\udcff\U000e0041")
)
KEPT = (
    "中文，“引号”——全角！",
    "👨\u200d👩\u200d👧",
    "❤\ufe0f\u200d🔥",
    "\u0645\u06cc\u200c\u0631",
    "naïve é e\u0301",
    "a\tb\nc",
    "→ ✓ ░ \u00a0",
)


@pytest.mark.parametrize("text", KEPT)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert visible(text) == text
    assert visible_json(text) == text


def test_what_acts_or_hides_is_spelled_out() -> None:
    assert visible("\x1b]0;t\x07") == r"\x1b]0;t\x07"
    assert visible("\x9b31m\x7f") == r"\x9b31m\x7f"
    assert visible("a\u202eb\u2066\u200b\u2028\ufeff") == r"a\u202eb\u2066\u200b\u2028\ufeff"
    assert visible("\U000e0041\udc9b") == r"\U000e0041\udc9b"
    assert visible("tor\u200dch") == r"tor\u200dch", "a joiner joins pictures, not letters"
    assert visible("line\r\nover\rwritten") == "line\nover\\x0dwritten"


@given(TEXTS)
def test_nothing_hidden_is_left(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert hidden(shown.replace("\n", "").replace("\t", "")) is None
    left = {unicodedata.category(letter) for letter in shown} & {"Cc", "Zl", "Zp", "Cs"}
    assert left <= {"Cc"}
    assert {letter for letter in shown if unicodedata.category(letter) == "Cc"} <= {"\n", "\t"}
    assert not any(unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
                   for letter in shown)  # fmt: skip
    assert "".join(piece for _, piece in runs(text)) == text


@given(TEXTS)
def test_json_stays_the_same_data(text: str) -> None:
    printed = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert visible(printed) == printed
    # A high and a low half that stand side by side are read as the one letter that they are.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(printed) == {whole: [whole]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1).map(lambda raw: raw.replace(b"\0", b"\x1b")), min_size=1, max_size=5))
def test_a_shell_gets_the_bytes_back(raws: list[bytes]) -> None:
    words = " ".join(word(raw.decode("utf-8", "surrogateescape")) for raw in raws)
    script = f"printf '%s\\0' {words}"
    assert visible(script) == script
    done = subprocess.run([require("dash"), "-c", script], capture_output=True, check=True)
    assert done.stdout == b"".join(raw + b"\0" for raw in raws)


@given(TEXTS)
def test_a_comment_is_one_line_in_which_all_is_seen(text: str) -> None:
    line = comment(text)
    assert line.startswith("#")
    assert "\n" not in line
    assert visible(line) == line
