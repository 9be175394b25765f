"""Which back-end asks, decided from what the terminal can do."""

from __future__ import annotations

from collections.abc import Callable

from torchup.model.context import Terminal
from torchup.ui.ask.prompt import Asker


def asker_for(terminal: Terminal, say: Callable[[str], object]) -> Asker:
    """Give the plain back-end where numbered lines are wanted, else the one with arrow keys.

    Only for a wizard, whose standard input and output are terminals: bytes on a pipe are never answers.
    """
    if terminal.plain:
        from torchup.ui.ask.plain import PlainAsker

        return PlainAsker(say)
    from torchup.ui.ask.pretty import PrettyAsker

    return PrettyAsker(columns=terminal.columns, unicode=terminal.encoding.lower().replace("-", "").startswith("utf"))
