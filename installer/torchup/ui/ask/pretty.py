"""Arrow keys and colours, by questionary.

Its prompts are prompt_toolkit applications, which get what they lack: Esc goes back, `?` gives help, Ctrl-D and
a SIGINT from outside quit as Ctrl-C does, and SIGTERM and SIGHUP end the prompt before they end the program.
Only the `unsafe_ask` form is used: the other one turns Ctrl-C into an empty answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchup.ui.ask.guard import signals_deferred
from torchup.ui.ask.prompt import BACK, HELP, QUIT, Line, Menu, Option, Wish
from torchup.visible import visible
from torchup.words import tr

if TYPE_CHECKING:
    from questionary import Question

# How long a lone Esc waits for the rest of a key's sequence; arrow keys arrive in one piece even over slow lines.
ESCAPE_SECONDS = 0.1
_BACK_ID = "\0back"
_CUT = "..."
_AROUND_KEYS = 5  # blanks, parentheses, and a column to spare


class PrettyAsker:
    """Asks with questionary. `unicode` says whether the terminal's encoding has arrows and dots."""

    draws = True

    def __init__(self, *, columns: int, unicode: bool = True) -> None:
        self._columns = columns
        self._unicode = unicode

    def choose(self, menu: Menu) -> str | Wish:
        """Show the options with the default one marked, and Back as the last of them."""
        import questionary

        arrow = "\N{LEFTWARDS ARROW}" if self._unicode else "<"
        options = [*menu.options, *([Option(id=_BACK_ID, label=arrow + " " + tr("Back"))] if menu.can_go_back else [])]
        choices = [questionary.Choice(title=self._fit(option), value=option.id) for option in options]
        question = questionary.select(
            visible(menu.text),
            choices=choices,
            default=next(choice for choice in choices if choice.value == menu.default),
            instruction=self._keys(menu.text, back=menu.can_go_back, help_=menu.has_help),
            pointer="\N{RIGHTWARDS ARROW}" if self._unicode else ">",
            qmark="",
            use_jk_keys=False,
        )
        answer = self._run(question, back=menu.can_go_back, help_=menu.has_help, typing=False)
        return BACK if answer == _BACK_ID else answer

    def type_in(self, line: Line) -> str | Wish:
        """Ask for a line, checked when Enter is pressed."""
        import questionary

        question = questionary.text(
            visible(line.text),
            default=line.default,
            validate=lambda text: visible(line.problem(text.strip()) or "") or True,
            instruction=self._keys(line.text, back=True, help_=line.has_help),
            qmark="",
            validate_while_typing=False,
        )
        answer = self._run(question, back=True, help_=line.has_help, typing=True)
        return answer.strip() if isinstance(answer, str) else answer

    def _run(self, question: Question, *, back: bool, help_: bool, typing: bool) -> Any:
        from prompt_toolkit.key_binding import merge_key_bindings

        application = question.application
        bindings = _bindings(back=back, help_=help_, typing=typing)
        existing = application.key_bindings
        application.key_bindings = bindings if existing is None else merge_key_bindings([existing, bindings])
        application.ttimeoutlen = ESCAPE_SECONDS

        def stop() -> None:
            if application.loop is not None and application.is_running:
                application.loop.call_soon_threadsafe(_exit_once, application, QUIT)

        with signals_deferred(stop):
            try:
                return question.unsafe_ask()
            except (KeyboardInterrupt, EOFError):
                return QUIT

    def _keys(self, text: str, *, back: bool, help_: bool) -> str:
        """Name the keys as far as they fit behind the question; help names them all."""
        from prompt_toolkit.utils import get_cwidth

        parts = [*([tr("Esc back")] if back else []), *([tr("? help")] if help_ else []), tr("Ctrl-C quit")]
        while parts and get_cwidth(text) + get_cwidth(", ".join(parts)) + _AROUND_KEYS > self._columns:
            parts.pop()
        return f"({', '.join(parts)})" if parts else " "

    def _fit(self, option: Option) -> str:
        """Shorten a label that the terminal would cut off; the pointer takes three columns."""
        from prompt_toolkit.utils import get_cwidth

        label, room = visible(option.label), self._columns - 4 - get_cwidth(option.mark)
        if get_cwidth(label) <= room:
            return label + option.mark
        start = end = ""
        while True:
            from_end = get_cwidth(end) <= get_cwidth(start)
            rest = label[len(start) : len(label) - len(end)]
            one = rest[-1] if from_end else rest[0]
            if get_cwidth(start + one + _CUT + end) > room:
                return start.rstrip() + _CUT + end + option.mark
            start, end = (start, one + end) if from_end else (start + one, end)


def _exit_once(application: Any, result: Wish) -> None:
    if application.is_running and not application.is_done:
        application.exit(result=result)


def _bindings(*, back: bool, help_: bool, typing: bool) -> Any:
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    bindings = KeyBindings()
    empty = Condition(lambda: not typing or not _buffer_text())

    def bind(key: str, wish: Wish, **options: Any) -> None:
        def leave(event: Any) -> None:
            _exit_once(event.app, wish)

        bindings.add(key, eager=True, **options)(leave)

    if back:
        bind("escape", BACK)
    if help_:
        bind("?", HELP, filter=empty)
    bind("c-d", QUIT, filter=empty)
    bind(Keys.SIGINT, QUIT)
    if typing:

        @bindings.add(Keys.BracketedPaste, eager=True)
        def paste(event: Any) -> None:
            # The line break that comes along with a copied line is no part of it; one inside is refused as such.
            event.current_buffer.insert_text(event.data.replace("\r\n", "\n").replace("\r", "\n").strip("\n"))

    return bindings


def _buffer_text() -> str:
    from prompt_toolkit.application import get_app

    return get_app().current_buffer.text
