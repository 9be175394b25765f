"""The review: every answer and every change on one screen, and nothing done before it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from torchup.answers.questions import QUESTIONS, question_for
from torchup.answers.values import value_at
from torchup.errors import TorchupError
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.ui.ask.prompt import BACK, HELP, QUIT, Menu, Option, Wish
from torchup.ui.ask.questions import shown_value
from torchup.ui.interview import Interview
from torchup.words import tr

_GO, _CHANGE, _QUIT, _EVERY, _SHOW = "go", "change", "quit", "every", "show:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """A step that gets a question of its own, with No as the default: `question` names the thing."""

    question: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewText:
    """The review screen: what will be done, printed before the confirmation.

    `body` are texts or renderables. `ready` is False when these answers cannot be carried out; the body says why.
    `dangers` are confirmed one by one after the rest. `details` can be looked at, such as the changes to each file
    by its path.
    """

    body: Sequence[object]
    ready: bool = True
    dangers: Sequence[Danger] = ()
    details: Mapping[str, Sequence[object]] = field(default_factory=dict)


Review = Callable[[Request, Resolution], ReviewText]


def confirmed(interview: Interview, review: Review) -> bool:
    """Show the review until it is confirmed (True), or an answer has been opened again (False)."""
    text = _show(interview, review)
    while True:
        wish = interview.asker.choose(_menu(text, can_go_back=bool(interview.history)))
        if wish is QUIT or wish == _QUIT:
            interview.quit()
        if wish is BACK:
            interview.go_back()
            return False
        if wish is HELP:
            interview.say(tr("Go on, look closer, or change any answer. Until you go on, nothing is changed."))
        elif wish == _GO:
            if _dangers_confirmed(interview, text):
                return True
        elif wish == _CHANGE:
            if _change(interview):
                return False
        else:
            for line in text.details[str(wish).removeprefix(_SHOW)]:
                interview.say(line)


def _show(interview: Interview, review: Review) -> ReviewText:
    say = interview.say
    say("")
    say(tr("Your answers:"))
    for question in interview.answered():
        value = value_at(interview.request, question.key)
        say(f"  {question.key}: {shown_value(value, interview.choices(question))}")
    say(tr("  Every other answer has its default."))
    say("")
    try:
        text = review(interview.request, interview.resolution)
    except TorchupError as error:
        interview.tell(error)
        text = ReviewText(body=(), ready=False)
    for line in text.body:
        say(line)
    say("")
    return text


def _menu(text: ReviewText, *, can_go_back: bool) -> Menu:
    change = Option(id=_CHANGE, label=tr("Change an answer"))
    options = [Option(id=_GO, label=tr("Yes, do it"))] if text.ready else [change]
    options += [Option(id=_SHOW + path, label=tr("Look at {path}", path=path)) for path in text.details]
    options += [change] if text.ready else []
    options.append(Option(id=_QUIT, label=tr("Quit, and change nothing")))
    prompt = tr("Shall all this be done now?") if text.ready else tr("This cannot be done as it is.")
    default = _GO if text.ready else _CHANGE
    return Menu(text=prompt, options=tuple(options), default=default, can_go_back=can_go_back)


def _dangers_confirmed(interview: Interview, text: ReviewText) -> bool:
    no, yes = Option(id="no", label=tr("No")), Option(id="yes", label=tr("Yes"))
    for danger in text.dangers:
        if danger.why:
            interview.say(danger.why)
        answer = interview.asker.choose(Menu(text=danger.question, options=(no, yes), default=no.id, has_help=False))
        if answer is QUIT:
            interview.quit()
        if answer != yes.id:
            interview.say(tr("Then nothing is done. Change an answer, or quit."))
            return False
    return True


def _change(interview: Interview) -> bool:
    """Let the person pick an answer and give it again; tells whether one was given."""
    every = not interview.answered()
    while True:
        questions = QUESTIONS if every else interview.answered()
        options = [
            Option(
                id=question.key, label=f"{question.key}: {shown_value(value_at(interview.request, question.key), ())}"
            )
            for question in questions
        ]
        options += [] if every else [Option(id=_EVERY, label=tr("Show every answer ..."))]
        menu = Menu(text=tr("Which answer?"), options=tuple(options), default=options[0].id, has_help=False)
        picked = interview.asker.choose(menu)
        if picked is QUIT:
            interview.quit()
        if isinstance(picked, Wish):
            return False
        if picked == _EVERY:
            every = True
        elif interview.ask(question_for(picked), can_go_back=True) is None:
            return True
