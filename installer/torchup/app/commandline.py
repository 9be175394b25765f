"""What every use case works with: the context, the console, and how much to say."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from torchup.model.context import Context
from torchup.model.quick import dataclass
from torchup.surroundings import read_context
from torchup.ui.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """One run of torchup: its context and its console."""

    context: Context
    console: Console

    @classmethod
    def create(
        cls, *, json_output: bool, verbose: int, quiet: bool, plain: bool, root: Path | None, traceback: bool
    ) -> Self:
        """Read the surroundings and open the console."""
        del traceback  # looked at where errors are printed
        context = read_context(root=root, plain=plain)
        console = Console(context.terminal, json_output=json_output, quiet=quiet, verbose=verbose)
        return cls(context=context, console=console)
