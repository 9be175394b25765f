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
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from screen_svg import Row, svg

from support.terminal import ENTER, TerminalSession
from support.torch_environment import torch_python

FOLDER = Path(__file__).parent / "pictures"
TORCHUP = Path(sys.executable).with_name("torchup")
TALL = 160
"""Rows of the terminal: more than any picture has, so that nothing scrolls away."""
WIDTH = 90
ARROW = "→"
SETTLED_S = 0.7

HOME = """\
set -e
torch=$1; shift
mount --bind /home /mnt
mount -t tmpfs none /home
for user in /mnt/*/; do
    [ -d "$user" ] && [ "$user" != /mnt/ada/ ] || continue
    mkdir "/home/$(basename "$user")"
    mount --bind "$user" "/home/$(basename "$user")"
done
mkdir -p /home/ada/.venvs
echo '# my settings' | tee /home/ada/.bashrc >/home/ada/.profile
[ -z "$torch" ] || ln -s "$torch" /home/ada/.venvs/torch
exec "$@"
"""
"""Gives the program a home of its own, /home/ada, that no other program sees. The other homes stay where they are; that
of a real ada is out of sight meanwhile, so that nothing can be written there."""


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
        check_end(session, 0)
    return seen


def check_end(session: TerminalSession, status: int) -> None:
    """Raise RuntimeError where the program did not end as it should: then the screen is not what is to be drawn."""
    if (ended := session.finish()) != status:
        raise RuntimeError(f"ended with {ended} in place of {status}:\n" + "\n".join(session.lines).strip())


def command(*arguments: str, status: int = 0, columns: int = WIDTH, torch: str = "") -> Callable[[str], list[Row]]:
    """Give what draws the whole screen after a command."""

    def shown(lang: str) -> list[Row]:
        with run(*arguments, columns=columns, lang=lang, torch=torch) as session:
            session.expect(lambda: b"status:" in session.output, "end", seconds=120)
            check_end(session, status)
            rows = rows_of(session)
            return rows[:-1]  # the last one is the status that the shell below printed

    return shown


def verify(lang: str) -> list[Row]:
    """Run the tensor test of a real torch on the CPU, and keep the report that follows the lines of progress."""
    environment = str(torch_python().parents[1])
    rows = command("verify", "--level", "quick", columns=100, torch=environment)(lang)
    blank = next(number for number, row in enumerate(rows) if not "".join(cell.data for cell in row).strip())
    return rows[blank - 1 :]  # the verdict stands above the first blank line


SINGLE: dict[str, tuple[str, int, Callable[[str], list[Row]]]] = {
    "matrix": ('torchup matrix --gpu "GTX 1080 Ti"', WIDTH, command("matrix", "--gpu", "GTX 1080 Ti")),
    "doctor": ("torchup doctor", WIDTH, command("doctor", "--machine", str(FOLDER / "after-an-update.yaml"), status=4)),
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
