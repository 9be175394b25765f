"""The index of the decisions, one line each, read from their own first lines."""

from __future__ import annotations

import re
from pathlib import Path

INTRODUCTION = """# Decisions

Why things are as they are, one page for each decision (an *architecture decision record*). A page is not rewritten when
a decision is changed: a new one replaces it, and the old one says by which. The next number is one more than the highest;
numbers that are missing were never used.

| | decision | |
| --- | --- | --- |
"""
_HEADING = re.compile(r"# (\d+)\. (.+)")
_REPLACED = re.compile(r"^Replaced by \[(?:ADR )?(\d+)\]\((\d{4}-[^)]+\.md)\)", re.MULTILINE)


def adr_index(folder: Path) -> str:
    """List every decision with its number and what replaced it; raises ValueError where a page has no such heading."""
    rows = []
    for page in sorted(folder.glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        heading = _HEADING.match(text)
        if heading is None or int(heading[1]) != int(page.name[:4]):
            raise ValueError(f"{page.name} does not begin with its number and title")
        replaced = _REPLACED.search(text)
        state = f"replaced by [{replaced[1]}]({replaced[2]})" if replaced else ""
        rows.append(f"| {heading[1]} | [{heading[2]}]({page.name}) | {state} |\n")
    return INTRODUCTION + "".join(rows)
