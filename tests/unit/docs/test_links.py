"""Every link of the pages leads somewhere, every `make` target that they name exists, and the pictures are whole."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote

import pytest

CHECKOUT = Path(__file__).parents[3]
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
DEFINITION = re.compile(r"^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
MAKE = re.compile(r"(?:^|`|&& )make ((?!-)[a-z][a-z-]*)\b", re.MULTILINE)
OUTSIDE = ("https://", "http://", "mailto:")


def pages() -> list[Path]:
    found = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "tests").rglob("*.md")]
    return sorted(found)


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def links(page: Path) -> list[str]:
    text = CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    return [link for link in [*LINK.findall(text), *DEFINITION.findall(text)] if not link.startswith(OUTSIDE)]


def anchors(page: Path) -> set[str]:
    """The names that headings get where Markdown is shown: lower case, no punctuation, hyphens for blanks."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found = set(ANCHOR.findall(text))
    for heading in HEADING.findall(text):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def broken(page: Path, root: Path = CHECKOUT) -> list[str]:
    wrong = []
    for link in links(page):
        place, _, anchor = unquote(link).partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists():
            wrong.append(f"{link}: there is no such file")
        elif not target.is_relative_to(root):
            wrong.append(f"{link}: leads out of the checkout")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            wrong.append(f"{link}: there is no such heading")
    return wrong


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken(page) == []


def test_the_check_notices_what_is_broken(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b`, c\n[x](gone.md) [y](#a-b-c) [z](#a-b) `[no](link.md)`\n```\n[no](link.md)\n```\n")
    assert links(page) == ["gone.md", "#a-b-c", "#a-b"]
    assert broken(page, tmp_path) == ["gone.md: there is no such file", "#a-b: there is no such heading"]


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in pages() for target in MAKE.findall(page.read_text(encoding="utf-8"))}
    assert {"setup", "dry-run", "test", "help"} <= named
    assert named - targets == set()


def test_the_readme_is_there_in_both_languages_with_the_same_parts() -> None:
    english, chinese = (CHECKOUT / "README.md", CHECKOUT / "README.zh-CN.md")

    def shape(page: Path) -> list[str]:
        return [
            line.split()[0]
            for line in page.read_text(encoding="utf-8").splitlines()
            if re.match(r"#+ |```|\| |- ", line)
        ]

    assert shape(english) == shape(chinese)
    assert _commands(english) == _commands(chinese)
    assert set(links(english)) - {"README.zh-CN.md"} == {_english(link) for link in links(chinese)} - {"README.md"}


@pytest.mark.parametrize("picture", sorted((CHECKOUT / "docs" / "pictures").glob("*.svg")), ids=name)
def test_a_picture_is_whole_and_needs_nothing_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - a file of our own
    shown = "".join(root.itertext())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(shown) > 1000
    assert "Traceback" not in shown
    assert str(CHECKOUT) not in text
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|/root\b|/tmp\b|\bpid:|\bstatus:", text) == []


def _commands(page: Path) -> list[str]:
    """The commands in the blocks of a page, without their remarks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def _english(link: str) -> str:
    """The English counterpart of a picture in another language."""
    return link.replace(".zh.svg", ".svg")
