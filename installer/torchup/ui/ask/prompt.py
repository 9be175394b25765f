"""What is asked for, and what can come back besides an answer."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from torchup.model.quick import dataclass


class Wish(Enum):
    """What a person may want in place of answering."""

    BACK = auto()
    QUIT = auto()
    HELP = auto()


BACK, QUIT, HELP = Wish.BACK, Wish.QUIT, Wish.HELP


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One line to choose; `id` is what comes back. `mark` follows the label and is never cut off.

    A label that is too long for the terminal loses its middle: a path ends in its name, and other labels differ there.
    """

    id: str
    label: str
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """A choice of one option; `default` is the id that Enter takes."""

    text: str
    options: tuple[Option, ...]
    default: str
    can_go_back: bool = True
    has_help: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text to type. `problem` says what is wrong with a text, or gives None."""

    text: str
    default: str = ""
    problem: Callable[[str], str | None]
    has_help: bool = True


class Asker(Protocol):
    """A back-end: shows a menu or asks for a line, once, and never raises for what a person does.

    `draws` says whether it moves the cursor and hides it, which has to be taken back.
    """

    @property
    def draws(self) -> bool:
        """Tell whether the screen is drawn on."""

    def choose(self, menu: Menu) -> str | Wish:
        """Give the id of the chosen option, or a wish."""

    def type_in(self, line: Line) -> str | Wish:
        """Give a text without a problem, or a wish."""


@dataclass(frozen=True, slots=True)
class Attentive:
    """A back-end that first calls `check`, which raises what was missed since the last question."""

    asker: Asker
    check: Callable[[], None]

    @property
    def draws(self) -> bool:
        """Tell what the back-end does."""
        return self.asker.draws

    def choose(self, menu: Menu) -> str | Wish:
        """Show a menu."""
        self.check()
        return self.asker.choose(menu)

    def type_in(self, line: Line) -> str | Wish:
        """Ask for a line."""
        self.check()
        return self.asker.type_in(line)
