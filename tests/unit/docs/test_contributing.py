"""What the pages for those who carry on name is there: folders, modules, tests; in the picture too."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PACKAGE = CHECKOUT / "installer" / "torchup"
PICTURE = CHECKOUT / "docs" / "pictures" / "architecture.svg"
PAGES = (CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs" / "contributing").glob("*.md")))
MADE = {"installer/torchup/knowledge/sources/torch/2.16.toml", "tests/durations.txt"}
"""What a page tells how to make: an example, and what a target of make writes."""
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
TOP = tuple(f"{folder.name}/" for folder in CHECKOUT.iterdir() if folder.is_dir())
INSIDE = tuple(f"{folder.name}/" for folder in PACKAGE.iterdir() if folder.is_dir())


def named(text: str) -> set[str]:
    """Find what looks like a place in the checkout or in the package, and stands for no particular name."""
    found = NAMED.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return {place for place in found if place.startswith((*TOP, *INSIDE)) and "NAME" not in place}


def is_there(place: str) -> bool:
    return (CHECKOUT / place).exists() or (PACKAGE / place).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_place_that_a_page_names_is_there(page: Path) -> None:
    places = named(page.read_text(encoding="utf-8"))
    assert {place for place in places - MADE if not is_there(place)} == set()


def test_the_check_sees_places_and_notices_a_missing_one() -> None:
    text = "`apply/journal.py` `tests/gone.py` `model/` `make test` `shell/kinds/NAME.py` `templates/`\n```\n`apply/x`\n```\n"
    assert named(text) == {"apply/journal.py", "tests/gone.py", "model/", "templates/"}
    assert [place for place in sorted(named(text)) if not is_there(place)] == ["tests/gone.py"]


def test_every_place_in_the_picture_is_there() -> None:
    texts = ET.parse(PICTURE).getroot().iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - a file of our own
    places = [text.text or "" for text in texts if text.get("class") == "path"]
    assert len(places) > 15
    assert [place for place in places if not is_there(place)] == []


def test_the_index_of_decisions_says_what_was_replaced(tmp_path: Path) -> None:
    adr_index = runpy.run_path(str(CHECKOUT / "docs" / "adr_index.py"))["adr_index"]
    (tmp_path / "0001-first.md").write_text("# 1. First\n\nReplaced by [ADR 2](0002-second.md): it was wrong.\n")
    (tmp_path / "0002-second.md").write_text("# 2. Second\n\nText.\n")
    rows = adr_index(tmp_path).splitlines()[-2:]
    assert rows == [
        "| 1 | [First](0001-first.md) | replaced by [2](0002-second.md) |",
        "| 2 | [Second](0002-second.md) |  |",
    ]
    (tmp_path / "0003-third.md").write_text("# Third\n")
    with pytest.raises(ValueError, match="0003-third"):
        adr_index(tmp_path)
