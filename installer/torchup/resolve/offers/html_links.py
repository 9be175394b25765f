"""The links of an HTML page, in order."""

from __future__ import annotations

from html.parser import HTMLParser

from torchup.model.quick import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The attributes of every anchor, and the page's base address where it names one.

    `truncated` says that the page ends inside of an anchor's tag.
    """

    anchors: tuple[dict[str, str | None], ...]
    base: str | None
    truncated: bool


def read_links(text: str) -> Links | None:
    """Find all links of a page; None when the parser gives up on its markup."""
    reader = _Reader()
    try:
        reader.feed(text)
    except AssertionError:
        # What html.parser raises for a malformed declaration.
        return None
    rest = reader.rawdata.lstrip()[:2].lower()
    return Links(anchors=tuple(reader.anchors), base=reader.base, truncated=rest == "<a")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str | None]] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append(dict(attrs))
        elif tag == "base" and self.base is None:
            self.base = dict(attrs).get("href")
