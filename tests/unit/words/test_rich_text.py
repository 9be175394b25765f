"""Lines of Chinese text break between characters, and never before a closing mark."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.text import Text

from torchup.ui.rich_text import adapt_rich


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("按 Enter 采用推荐的应答。", 12, ["按 Enter 采", "用推荐的应", "答。"]),
        ("推荐的应答。", 10, ["推荐的应", "答。"]),
        ("版本（CUDA 13.0）可用", 8, ["版本", "（CUDA", "13.0）可", "用"]),
        ("only words in English", 11, ["only words", "in English"]),
        ("Gone with: `rm -rf /x`", 20, ["Gone with:", "`rm -rf /x`"]),
        ("a lone ` in a text", 8, ["a lone `", "in a", "text"]),
        ("/home/ada/.venvs/torch", 10, ["/home/ada/", ".venvs/tor", "ch"]),
    ],
)
def test_where_a_line_breaks(text: str, width: int, lines: list[str]) -> None:
    adapt_rich()
    wrapped = Text(text).wrap(Console(width=width), width)
    assert [line.plain.rstrip() for line in wrapped] == lines
