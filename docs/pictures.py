"""Make the pictures of the documentation: run torchup on a pseudo-terminal and draw the screen as SVG.

    make pictures                        all of them, in English
    make pictures PICTURES="--lang zh"   in Chinese, as NAME.zh.svg
    make pictures PICTURES="matrix"      one

What is drawn is what the program wrote, character by character with its colours. The machines are described by the
files in docs/pictures; only the report of `torchup verify` is a run on the machine at hand, so its times differ from
run to run. The others come out the same to the byte.
"""

from __future__ import annotations

import argparse
import html
import io
import itertools
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyte.screens
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from support.terminal import ENTER, TerminalSession
from support.torch_environment import torch_python

FOLDER = Path(__file__).parent / "pictures"
TORCHUP = Path(sys.executable).with_name("torchup")
TALL = 160
"""Rows of the terminal: more than any picture has, so that nothing scrolls away."""
WIDTH = 90
CELL = 12.2
"""Width of a cell in rich's SVG: 0.61 of its letters' 20."""
ARROW = "→"
SETTLED_S = 0.7

HOME = """\
set -e
torch=$1; shift
mount --bind /home /mnt
mount -t tmpfs none /home
for user in /mnt/*/; do
    [ -d "$user" ] || continue
    mkdir "/home/$(basename "$user")"
    mount --bind "$user" "/home/$(basename "$user")"
done
mkdir -p /home/ada/.venvs
echo '# my settings' | tee /home/ada/.bashrc >/home/ada/.profile
[ -z "$torch" ] || ln -s "$torch" /home/ada/.venvs/torch
exec "$@"
"""
"""Gives the program a home of its own, /home/ada, that no other program sees; the real homes stay where they are."""

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

Row = list[pyte.screens.Char]


def run(*arguments: str, columns: int, lang: str, torch: str = "") -> TerminalSession:
    """Start torchup in the home of nobody in particular."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inside = ["sh", "-c", HOME, "home", torch, str(TORCHUP), "--lang", lang, *arguments]
    return TerminalSession(
        ["unshare", *rights, "--mount", *inside],
        columns=columns,
        rows=TALL,
        environ={"HOME": "/home/ada", "SHELL": "/bin/bash"},
    )


def rows_of(session: TerminalSession, first: int = 1) -> list[Row]:
    """Copy the rows of the screen from `first` to the last one with text; row 0 belongs to the shell below."""
    last = max((number for number, line in enumerate(session.lines) if line), default=first)
    while first < last and not session.lines[first]:
        first += 1
    columns = range(session.screen.columns)
    return [[session.screen.buffer[number][column] for column in columns] for number in range(first, last + 1)]


def settle(session: TerminalSession) -> None:
    """Read until the program has drawn all that it draws before the next key."""
    seen, quiet_since = len(session.output), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, quiet_since
        if len(session.output) != seen:
            seen, quiet_since = len(session.output), time.monotonic()
        return time.monotonic() - quiet_since > SETTLED_S

    session.expect(quiet, "end of the drawing")


def arrow_row(session: TerminalSession) -> int:
    """Give the last row that begins with the arrow of a choice, or -1."""
    return max((number for number, line in enumerate(session.lines) if line.strip().startswith(ARROW)), default=-1)


def await_choices_below(session: TerminalSession, row: int, name: str) -> None:
    """Wait for the choices of a question that begin further down than `row`."""
    session.expect(lambda: arrow_row(session) > row, name, seconds=30)
    settle(session)


def wizard(lang: str) -> dict[str, list[Row]]:
    """Press Enter through the wizard, and look at the first question, the second, and the review."""
    seen: dict[str, list[Row]] = {}
    machine = FOLDER / "two-cards.yaml"
    with run("setup", "--machine", str(machine), "--dry-run", "--offline", columns=WIDTH, lang=lang) as session:
        answered = 0
        for name in ("first-question", "build", "folder", "toolkit", "shells", "review"):
            await_choices_below(session, answered + 1, name)
            # The rows of this question begin below the one that was answered before, which now is one line.
            seen[name] = rows_of(session, answered + 1 if name == "review" else max(answered, 1))
            answered = arrow_row(session) - 1
            session.send(ENTER)
        session.finish()
    return seen


def command(*arguments: str, columns: int = WIDTH, torch: str = "") -> Callable[[str], list[Row]]:
    """Give what draws the whole screen after a command."""

    def shown(lang: str) -> list[Row]:
        with run(*arguments, columns=columns, lang=lang, torch=torch) as session:
            session.expect(lambda: b"status:" in session.output, "end", seconds=120)
            session.finish()
            rows = rows_of(session)
            return rows[:-1]  # the last one is the status that the shell below printed

    return shown


def verify(lang: str) -> list[Row]:
    """Run the tensor test of a real torch on the CPU, and keep the report that follows the lines of progress."""
    environment = str(torch_python().parents[1])
    rows = command("verify", "--level", "quick", columns=100, torch=environment)(lang)
    blank = next(number for number, row in enumerate(rows) if not "".join(cell.data for cell in row).strip())
    return rows[blank - 1 :]  # the verdict stands above the first blank line


def text_of(rows: list[Row]) -> Text:
    """Turn rows of the screen into rich's text, with colours and weights."""
    drawn = Text(no_wrap=True, end="")
    for row in rows:
        cells = list(row)
        while cells and not cells[-1].data.strip() and not cells[-1].reverse and cells[-1].bg == "default":
            cells.pop()
        for (style, _), alike in itertools.groupby(cells, lambda cell: (_style(cell), cell_len(cell.data) != 1)):
            # Wide characters are runs of their own, so that each run is a whole number of cells in any font.
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
    drawn = re.sub(r'textLength="[^"]*"([^>]*)>([^<]*)<', _with_length, drawn)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _with_length(found: re.Match[str]) -> str:
    """Give a run of text the length of its cells; rich counts characters, of which Chinese ones take two cells."""
    rest, text = found.groups()
    return f'textLength="{cell_len(html.unescape(text)) * CELL:g}"{rest}>{text}<'


SINGLE: dict[str, tuple[str, int, Callable[[str], list[Row]]]] = {
    "matrix": ('torchup matrix --gpu "GTX 1080 Ti"', WIDTH, command("matrix", "--gpu", "GTX 1080 Ti")),
    "doctor": ("torchup doctor", WIDTH, command("doctor", "--machine", str(FOLDER / "after-an-update.yaml"))),
    "verify": ("torchup verify", 100, verify),
}
OF_WIZARD = ("first-question", "build", "review")


def main() -> int:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("--lang", default="en", choices=("en", "zh"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join((*OF_WIZARD, *SINGLE))}")
    options = parser.parse_args()
    wanted = options.names or [*OF_WIZARD, *SINGLE]
    if unknown := set(wanted) - {*OF_WIZARD, *SINGLE}:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    pictures: dict[str, str] = {}
    if set(wanted) & set(OF_WIZARD):
        seen = wizard(options.lang)
        pictures |= {name: svg(seen[name], WIDTH, "torchup setup", name) for name in OF_WIZARD}
    for name, (title, columns, show) in SINGLE.items():
        if name in wanted:
            pictures[name] = svg(show(options.lang), columns, title, name)
    options.out.mkdir(parents=True, exist_ok=True)
    ending = ".svg" if options.lang == "en" else f".{options.lang}.svg"
    for name in wanted:
        path = options.out / f"{name}{ending}"
        path.write_text(pictures[name], encoding="utf-8", newline="\n")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
