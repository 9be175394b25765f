"""The least that a program with torchup's libraries costs: click reads the line, rich prints, questionary asks.

What the wizard takes beyond this is its own: looking at the machine, deciding, and saying what it found.
"""

from __future__ import annotations

import click


@click.command()
def ask() -> None:
    """Print one line and ask one question."""
    import questionary
    from rich.console import Console

    Console().print("[bold]Machine[/bold]")
    questionary.select("Which build of PyTorch?", ["recommended", "something else"], pointer="→").unsafe_ask()


if __name__ == "__main__":
    ask()
