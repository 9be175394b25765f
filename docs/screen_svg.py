"""Draw a terminal's screen, as pyte keeps it, as SVG: its characters, colours and weights (rich does the drawing)."""

from __future__ import annotations

import html
import io
import itertools
import re

import pyte.screens
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

Row = list[pyte.screens.Char]
CELL = 12.2
"""Width of a cell in rich's SVG: 0.61 of its letters' 20."""

THEME = TerminalTheme(
    (26, 29, 35),
    (222, 226, 230),
    [
        (72, 79, 88),
        (255, 123, 114),
        (126, 211, 133),
        (240, 190, 90),
        (121, 178, 255),
        (210, 168, 255),
        (110, 214, 220),
        (222, 226, 230),
    ],
    [
        (139, 148, 158),
        (255, 161, 152),
        (160, 230, 165),
        (250, 210, 130),
        (165, 205, 255),
        (225, 195, 255),
        (150, 230, 235),
        (255, 255, 255),
    ],
)
"""Light on dark: the picture has its own ground, so it reads the same on a white page and on a dark one."""

FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', 'Noto Sans Mono CJK SC', 'Noto Sans CJK SC', monospace"
SVG = """\
<svg class="torchup-picture" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: FONTS; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)
"""rich's own frame loads a font from the network; this one takes a font that the reader has."""


def text_of(rows: list[Row]) -> Text:
    """Turn rows of the screen into rich's text, with colours and weights."""
    drawn = Text(no_wrap=True, end="")
    for row in rows:
        cells = list(row)
        while cells and not cells[-1].data.strip() and not cells[-1].reverse and cells[-1].bg == "default":
            cells.pop()
        for style, alike in itertools.groupby(cells, _style):
            drawn.append("".join(cell.data for cell in alike), style)
        drawn.append("\n")
    return drawn


def _style(cell: pyte.screens.Char) -> Style:
    """Give how a character of the screen looks."""
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold or None,
        italic=cell.italics or None,
        underline=cell.underscore or None,
        reverse=cell.reverse or None,
    )


def _colour(name: str) -> str | None:
    """Translate pyte's name of a colour into rich's."""
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    name = {"brown": "yellow", "brightbrown": "brightyellow", "bfightmagenta": "brightmagenta"}.get(name, name)
    return name.replace("bright", "bright_")


def svg(rows: list[Row], columns: int, title: str, name: str) -> str:
    """Draw rows as SVG."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=columns,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(text_of(rows))  # ends with an empty line: without it the frame cuts the feet of the last letters
    drawn = console.export_svg(title=title, theme=THEME, code_format=SVG, unique_id=name)
    drawn = re.sub(r"<text [^>]*>\n</text>", "\n", drawn)  # the ends of lines, which rich draws as text
    drawn = re.sub(
        r'<text class="([^"]*)" x="([^"]*)" y="([^"]*)" textLength="[^"]*"([^>]*)>([^<]*)</text>', _runs, drawn
    )
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _runs(found: re.Match[str]) -> str:
    """Place wide and narrow characters in runs of their own, each as long as its cells.

    Stretched together they would leave their columns: no font that a reader has makes a Chinese character just twice
    as wide as a Latin one. (rich puts runs of one style together, and counts characters where cells are meant.)
    """
    kind, x, y, rest, escaped = found.groups()
    place, runs = float(x), []
    for wide, letters in itertools.groupby(html.unescape(escaped), lambda letter: cell_len(letter) > 1):
        text = "".join(letters)
        length = cell_len(text) * CELL
        shown = html.escape(text).replace("\N{NO-BREAK SPACE}", "&#160;")
        if wide or text.strip():
            runs.append(f'<text class="{kind}" x="{place:g}" y="{y}" textLength="{length:g}"{rest}>{shown}</text>')
        place += length
    return "".join(runs)
