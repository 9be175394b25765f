"""Numbered lines on a plain terminal: for screen readers, serial consoles, `TERM=dumb` and `--plain`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from torchup.ui.ask.prompt import BACK, HELP, QUIT, Line, Menu, Wish
from torchup.visible import visible
from torchup.words import tr

_COMMANDS: dict[str, Wish] = {"b": BACK, "back": BACK, "q": QUIT, "quit": QUIT, "?": HELP}


def read_terminal_line(prompt: str) -> str | None:
    """Print a prompt and read one line from the terminal; None at its end (Ctrl-D) or for Ctrl-C."""
    sys.stdout.write(visible(prompt))
    sys.stdout.flush()
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"
    if not line:
        sys.stdout.write("\n")
        return None
    return line.rstrip("\r\n")


class PlainAsker:
    """Asks with numbered lines and reads whole lines; the terminal keeps its own editing and echo."""

    draws = False

    def __init__(
        self, say: Callable[[str], object], read_line: Callable[[str], str | None] = read_terminal_line
    ) -> None:
        self._say = say
        self._read_line = read_line

    def choose(self, menu: Menu) -> str | Wish:
        """Print the options with numbers and ask until one of them, or a command, is given."""
        self._say(menu.text)
        for number, option in enumerate(menu.options, 1):
            self._say(f"  {number}) {option.label}{option.mark}")
        default = 1 + [option.id for option in menu.options].index(menu.default)
        commands = _commands(back=menu.can_go_back, help_=menu.has_help)
        while True:
            text = self._read_line(tr("Number [{default}], {commands}: ", default=default, commands=commands))
            wish = _wish(text, back=menu.can_go_back, help_=menu.has_help)
            if wish is not None or text is None:
                return wish or QUIT
            given = text.strip() or str(default)
            if given.isascii() and given.isdigit() and 1 <= int(given) <= len(menu.options):
                return menu.options[int(given) - 1].id
            self._say(tr("Please give a number from 1 to {last}.", last=len(menu.options)))

    def type_in(self, line: Line) -> str | Wish:
        """Ask until a text without a problem, or a command, is given."""
        self._say("")
        self._say(line.text)
        commands = _commands(back=True, help_=line.has_help)
        prompt = (
            tr("Text [{default}], {commands}: ", default=line.default, commands=commands)
            if line.default
            else tr("Text, {commands}: ", commands=commands)
        )
        while True:
            text = self._read_line(prompt)
            wish = _wish(text, back=True, help_=line.has_help)
            if wish is not None or text is None:
                return wish or QUIT
            text = text.strip() or line.default
            problem = line.problem(text)
            if problem is None:
                return text
            self._say(problem)


def _commands(*, back: bool, help_: bool) -> str:
    return ", ".join([*([tr("b back")] if back else []), *([tr("? help")] if help_ else []), tr("q quit")])


def _wish(text: str | None, *, back: bool, help_: bool) -> Wish | None:
    if text is None:
        return QUIT
    wish = _COMMANDS.get(text.strip().lower())
    if (wish is BACK and not back) or (wish is HELP and not help_):
        return None
    return wish
