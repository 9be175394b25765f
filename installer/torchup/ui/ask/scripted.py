"""Answers from a list, for tests and for trying a wizard without a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from torchup.ui.ask.prompt import QUIT, Line, Menu, Wish


class ScriptedAsker:
    """Gives prepared answers in turn, and `QUIT` when they are used up.

    None takes the default. A text that is no id of a menu's option raises LookupError, because then the script
    and the wizard have lost each other. `log` holds what was asked and what came back.
    """

    draws = False

    def __init__(self, answers: Iterable[str | Wish | None]) -> None:
        self._answers = iter(answers)
        self.log: list[tuple[str, str | Wish]] = []
        self.menus: list[Menu] = []

    def choose(self, menu: Menu) -> str | Wish:
        """Give the next prepared answer to a menu."""
        self.menus.append(menu)
        answer = next(self._answers, QUIT)
        if answer is None:
            answer = menu.default
        if isinstance(answer, str) and answer not in {option.id for option in menu.options}:
            offered = [option.id for option in menu.options]
            raise LookupError(f"{menu.text!r} has no option {answer!r}, only {offered}")
        self.log.append((menu.text, answer))
        return answer

    def type_in(self, line: Line) -> str | Wish:
        """Give the next prepared answer that has no problem."""
        for answer in self._answers:
            text = line.default if answer is None else answer
            self.log.append((line.text, text))
            if isinstance(text, Wish) or line.problem(text) is None:
                return text
        return QUIT
