"""The questions of the wizard: what is due, one answer at a time, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import NoReturn

from torchup.answers.choices import choices_for, with_current
from torchup.answers.consequences import consequences
from torchup.answers.question import Choice, Question
from torchup.answers.questions import QUESTIONS
from torchup.answers.signals import holds, signals
from torchup.answers.values import Value, value_at, with_value
from torchup.errors import InterruptError, TorchupError
from torchup.model.facts import MachineFacts
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.ui.ask.prompt import BACK, QUIT, Asker, Wish
from torchup.ui.ask.questions import ask_question
from torchup.words import tr

ORIGIN = "wizard"

Say = Callable[[object], object]
Resolve = Callable[[Request], Resolution]


@dataclass(slots=True, kw_only=True)
class Moment:
    """What there was before a question was answered; Back returns to it."""

    key: str
    request: Request
    resolution: Resolution


@dataclass(slots=True, kw_only=True)
class Interview:
    """The answers so far, the decision that follows from them, and the moments to go back to."""

    facts: MachineFacts
    given: Request
    resolve: Resolve
    asker: Asker
    say: Say
    stopped: Callable[[Request], object]
    request: Request = field(init=False)
    resolution: Resolution = field(init=False)
    history: list[Moment] = field(default_factory=list)
    remembered: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.request = self.given
        self.resolution = self.resolve(self.given)

    def ask_what_is_due(self) -> None:
        """Ask until nothing is open; Back at the first question stays there."""
        while (question := self._next()) is not None:
            if self.ask(question, can_go_back=bool(self.history)) is BACK:
                self.go_back()

    def ask(self, question: Question, *, can_go_back: bool) -> Wish | None:
        """Ask one question and take its answer over; gives BACK when there was none."""
        while True:
            preselected, choices = self._with_preselected(question, self.choices(question))
            self.say("")
            answer = ask_question(
                self.asker,
                question,
                choices,
                preselected=preselected,
                say=self.say,
                can_go_back=can_go_back,
            )
            if answer is QUIT:
                self.quit()
            if isinstance(answer, Wish):
                return BACK
            if self._take(question, answer):
                return None

    def choices(self, question: Question) -> tuple[Choice, ...]:
        """Give the choices; what the recommended one would mean is asked of the resolver."""
        default = value_at(Request(), question.key)
        advised = self.resolution
        if question.decides and value_at(self.request, question.key) != default:
            try:
                advised = self.resolve(with_value(self.request, question.key, default, ORIGIN))
            except TorchupError:  # the answer itself will say it, if it is taken
                advised = self.resolution
        return choices_for(question, self.facts, self.request, advised)

    def answered(self) -> tuple[Question, ...]:
        """Give the questions that were asked, and those whose answer is not the default."""
        asked = {moment.key for moment in self.history}
        default = Request()
        return tuple(
            question
            for question in QUESTIONS
            if question.key in asked or value_at(self.request, question.key) != value_at(default, question.key)
        )

    def go_back(self) -> None:
        """Return to the moment before the last answer; what was answered since stays the preselected answer."""
        moment = self.history.pop()
        self.request, self.resolution = moment.request, moment.resolution

    def quit(self) -> NoReturn:
        """Hand out the answers so far and raise InterruptError."""
        self.stopped(self.request)
        raise InterruptError(
            tr("Stopped before the confirmation; nothing was changed."),
            code="interrupted",
            hint=tr("With --save-answers FILE, a wizard that is stopped keeps the answers so far."),
        )

    def tell(self, error: TorchupError) -> None:
        """Say what an error says, and go on."""
        for line in (error.message, *error.evidence, *([error.hint] if error.hint else [])):
            self.say(line)

    def _with_preselected(self, question: Question, choices: tuple[Choice, ...]) -> tuple[Value, tuple[Choice, ...]]:
        """Give what Enter takes: an answer given before, which is then among the choices, else the recommended one."""
        if question.key in self.remembered:
            value = self.remembered[question.key]
        elif not self.request.is_default(question.key):
            value = value_at(self.request, question.key)
        else:
            return choices[0].value, choices
        return value, with_current(choices, value)

    def _next(self) -> Question | None:
        signs = signals(self.facts, self.request, self.resolution)
        asked = {moment.key for moment in self.history}
        due = (question for question in QUESTIONS if question.key not in asked and self._due(question, signs))
        return next(due, None)

    def _due(self, question: Question, signs: frozenset[str]) -> bool:
        section = question.key.partition(".")[0]
        if section in self.given.ask:
            return question.when is None or holds(question.when, signs)
        wanted = "*" in self.given.ask or (not self.given.ask and question.key not in self.given.origins)
        needed = bool(question.rescues_from) and holds(question.rescues_from, signs)
        return wanted and (needed or (question.when is not None and holds(question.when, signs)))

    def _take(self, question: Question, value: Value) -> bool:
        request = with_value(self.request, question.key, value, ORIGIN)
        if question.key == "cuda_toolkit.source" and value not in ("existing", "auto") and request.cuda_toolkit.path:
            request = with_value(request, "cuda_toolkit.path", None, ORIGIN)
        resolution = self.resolution
        if question.decides:
            try:
                resolution = self.resolve(request)
            except TorchupError as error:
                self.tell(error)
                return False
            for line in consequences(self.resolution, resolution):
                self.say(line)
        self.history.append(Moment(key=question.key, request=self.request, resolution=self.resolution))
        self.remembered[question.key] = value
        self.request, self.resolution = request, resolution
        return True
