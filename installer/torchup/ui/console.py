"""Where words go: data to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from torchup.model.context import Terminal
from torchup.ui.envelope import envelope
from torchup.visible import visible
from torchup.words import tr

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import ConsoleOptions, RenderableType

WIDEST = 110


class Console:
    """The two streams, with what the terminal can do taken into account.

    `say` is for remarks and progress, and keeps quiet with `--quiet`; `answer` gives what a command was asked for, for
    a program or for a person. Whatever text comes in, the terminal gets no control
    character of it, and no mark that hides or turns round what follows: see `torchup.visible`.
    """

    def __init__(self, terminal: Terminal, *, json_output: bool, quiet: bool, verbose: int) -> None:
        self.terminal = terminal
        self.json_output = json_output
        self.quiet = quiet
        self.verbose = verbose
        self.output_failed = False
        for stream in (sys.stdout, sys.stderr):
            # A path with letters that the locale lacks must not end a run half-way.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    def answer(self, given: Any, show: Callable[[], None]) -> None:
        """Give what a command was asked for: in the envelope with `--json`, else as `show` prints it.

        What is loaded to print it for a person is imported in `show`, so that programs do not wait for it.
        """
        if self.json_output:
            self.text(envelope(given))
        else:
            show()

    def text(self, text: str) -> None:
        """Print text on standard output, without breaking its lines."""
        with self._output():
            sys.stdout.write(visible(text))

    def script(self, text: str) -> None:
        """Print a script, in UTF-8 whatever the locale: its words have to stay what they are."""
        with self._output():
            sys.stdout.flush()
            sys.stdout.buffer.write(visible(text).encode())

    def binary(self, content: bytes) -> None:
        """Print bytes as they are."""
        with self._output():
            sys.stdout.flush()
            sys.stdout.buffer.write(content)

    def ask_line(self, renderable: object = "") -> None:
        """Print what belongs to a question, where the question is asked: on the terminal's standard output."""
        self._rich(sys.stdout, is_terminal=True).print(renderable, crop=False)

    def show(self, renderable: RenderableType) -> None:
        """Print what a command was asked for, for a person."""
        with self._output():
            self._rich(sys.stdout, is_terminal=self.terminal.stdout_is_terminal).print(renderable, crop=False)

    def say(self, renderable: RenderableType = "") -> None:
        """Print a remark on standard error."""
        if not self.quiet:
            self._rich(sys.stderr, is_terminal=self.terminal.stderr_is_terminal).print(renderable)

    def warn(self, text: str) -> None:
        """Print a warning on standard error, also with `--quiet`."""
        from rich.text import Text

        line = Text.assemble((tr("warning"), "bold yellow"), ": ", text)
        self._rich(sys.stderr, is_terminal=self.terminal.stderr_is_terminal).print(line)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something takes a moment: a spinner on a terminal, nothing elsewhere."""
        if self.quiet or self.terminal.plain or not self.terminal.stderr_is_terminal:
            yield
            return
        with self._rich(sys.stderr, is_terminal=True, live=True).status(f"{what} ..."):
            yield

    def live(self) -> RichConsole:
        """Give the rich console of standard error, for progress that redraws itself.

        Its width is the terminal's at every moment: a line that wraps in a window made narrower would stay there.
        """
        return self._rich(sys.stderr, is_terminal=self.terminal.stderr_is_terminal, live=True)

    @contextmanager
    def _output(self) -> Iterator[None]:
        """Bring the output to its place at once; where that fails, what the command did still counts.

        A reader that has gone, such as `head`, has seen enough. Anything else is a fault, which `output_failed` tells.
        """
        try:
            yield
            sys.stdout.flush()
        except OSError as error:
            silence(sys.stdout)
            if not isinstance(error, BrokenPipeError):
                self.output_failed = True
                said = tr("The output could not be written: {reason}.", reason=error.strerror)
                sys.stderr.write(tr("error") + f"[output-failed]: {said}\n")

    def _rich(self, stream: Any, *, is_terminal: bool, live: bool = False) -> RichConsole:
        from rich.console import Console as RichConsole
        from rich.console import ConsoleDimensions
        from rich.segment import Segment

        from torchup.ui.rich_text import adapt_rich

        adapt_rich()

        class Printer(RichConsole):
            """A rich console that prints text as text, and leaves it to us what a reader that has gone means."""

            def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
                # Texts have been through the filter before they were laid out. Nothing else may come past it either.
                for text, style, control in super().render(renderable, options):
                    yield Segment(text if control else visible(text), style, control)

            def on_broken_pipe(self) -> None:
                raise  # noqa: PLE0704  rich calls this while it handles the BrokenPipeError

            @property  # type: ignore[misc]  # nobody sets it here
            def size(self) -> ConsoleDimensions:
                """Measure the terminal again for what redraws itself."""
                if not (live and is_terminal):
                    return super().size
                with contextlib.suppress(OSError, ValueError):
                    now = os.get_terminal_size(stream.fileno())
                    if now.columns:
                        return ConsoleDimensions(min(now.columns, WIDEST), now.lines)
                return super().size

        return Printer(
            file=stream,
            width=None if live and is_terminal else min(self.terminal.columns, WIDEST),
            force_terminal=is_terminal,
            no_color=not self.terminal.color,
            color_system="auto" if is_terminal and self.terminal.color else None,
            highlight=False,
            emoji=False,
            markup=False,
            legacy_windows=False,
        )


def silence(stream: TextIO) -> None:
    """Lead a standard stream nowhere, so that Python does not fail once more when it flushes it at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
