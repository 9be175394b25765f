"""The one question before something is changed: yes or no, on the terminal."""

from __future__ import annotations

from torchup.app.commandline import CommandLine
from torchup.words import tr


def can_ask(line: CommandLine) -> bool:
    """Tell whether there is a terminal to ask on; bytes on a pipe are never answers."""
    terminal = line.context.terminal
    return terminal.stdin_is_terminal and terminal.stdout_is_terminal


def agreed(line: CommandLine, question: str) -> bool:
    """Ask, and tell whether the person said yes; where not, say that nothing was changed."""
    from torchup.ui.ask.backend import asker_for
    from torchup.ui.ask.prompt import Menu, Option

    menu = Menu(
        text=question,
        options=(Option(id="yes", label=tr("Yes")), Option(id="no", label=tr("No"))),
        default="yes",
        can_go_back=False,
        has_help=False,
    )
    if asker_for(line.context.terminal, line.console.ask_line).choose(menu) == "yes":
        return True
    line.console.say(tr("Nothing was changed."))
    return False
