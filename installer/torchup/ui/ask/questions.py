"""Asking one question of the answers: menu, help, and values that are typed."""

from __future__ import annotations

from collections.abc import Callable

from torchup.answers.question import Choice, Question
from torchup.answers.values import Value, parse_value, write_value
from torchup.ui.ask.prompt import BACK, HELP, QUIT, Asker, Line, Menu, Option, Wish
from torchup.words import mark, tr

Say = Callable[[str], object]

_TYPED = "typed"
_TYPED_LABELS: dict[str, str] = {"path": mark("another path ...")}
_ANY_TYPED_LABEL = mark("something else ...")
_LINE_TEXTS: dict[str, str] = {"path": mark("Path:")}
_ANY_LINE_TEXT = mark("Answer:")


def ask_question(
    asker: Asker,
    question: Question,
    choices: tuple[Choice, ...],
    *,
    preselected: Value,
    say: Say,
    can_go_back: bool = True,
) -> Value | Wish:
    """Ask until there is a value that the schema accepts, `BACK` or `QUIT`.

    The first of `choices` is the recommended one, whose note is shown; Enter takes `preselected`, or the
    recommended one where that is not among the choices.
    """
    if choices[0].note:
        say(choices[0].note)
    ids = {str(number): choice for number, choice in enumerate(choices)}
    default = next((id_ for id_, choice in ids.items() if _same(choice.value, preselected)), "0")
    options = [
        Option(id=id_, label=choice.label, mark=tr(" (recommended)") if id_ == "0" and len(choices) > 1 else "")
        for id_, choice in ids.items()
    ]
    if question.typed:
        options.append(Option(id=_TYPED, label=tr(_TYPED_LABELS.get(question.kind, _ANY_TYPED_LABEL))))
    menu = Menu(text=tr(question.prompt), options=tuple(options), default=default, can_go_back=can_go_back)
    while True:
        answer = asker.choose(menu)
        if answer is HELP:
            tell_help(question, choices, say)
        elif answer is BACK or answer is QUIT:
            return answer
        elif answer == _TYPED:
            typed = _ask_line(asker, question, say)
            if typed is not BACK:
                return typed
        else:
            return ids[str(answer)].value


def tell_help(question: Question, choices: tuple[Choice, ...], say: Say) -> None:
    """Say what the question means, what it takes, and what speaks for and against each choice."""
    say("")
    say(tr(question.help or question.meaning))
    for choice in choices:
        if choice.note:
            say(f"  {choice.label}: {choice.note}")
    say(tr("  In an answers file: {key}: {values}", key=question.key, values=tr(question.values)))
    say(tr("  Esc or b goes back; Ctrl-C or q stops, and nothing is changed."))


def _ask_line(asker: Asker, question: Question, say: Say) -> Value | Wish:
    from torchup.answers.schema import check_value, normal_value

    def problem(text: str) -> str | None:
        try:
            return check_value(question.key, parse_value(question.key, text))
        except ValueError as error:
            return str(error)

    line = Line(text=tr(_LINE_TEXTS.get(question.kind, _ANY_LINE_TEXT)), problem=problem)
    while True:
        answer = asker.type_in(line)
        if answer is HELP:
            tell_help(question, (), say)
        elif isinstance(answer, Wish):
            return answer
        else:
            return normal_value(question.key, parse_value(question.key, answer))


def _same(one: Value, other: Value) -> bool:
    return one == other and type(one) is type(other)


def shown_value(value: Value, choices: tuple[Choice, ...]) -> str:
    """Give the label of a value among its choices, else the value itself."""
    return next((choice.label for choice in choices if _same(choice.value, value)), write_value(value))
