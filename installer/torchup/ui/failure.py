"""Errors as a person sees them: what happened, the evidence, what to do. The one place that prints them."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
import traceback

import click

from torchup import __version__
from torchup.errors import ExitStatus, TorchupError
from torchup.tokens import without_tokens
from torchup.ui.envelope import envelope
from torchup.ui.program import callable_here
from torchup.visible import visible
from torchup.words import tr


def report_failure(error: Exception, *, json_output: bool) -> ExitStatus:
    """Print any error on standard error, and as JSON on standard output when asked; give its exit status."""
    known = error if isinstance(error, TorchupError) else _unexpected(error)
    if known.code == "internal-error" and isinstance(known.__cause__, Exception):
        known = _unexpected(known.__cause__)
    known = _fit_to_pass_on(known)
    if json_output:
        click.echo(envelope(known), nl=False)
    click.echo(_fitted(as_text(known)), err=True)
    return known.exit_status


def _fit_to_pass_on(error: TorchupError) -> TorchupError:
    """Give the error without secrets: what went wrong is pasted into tickets."""
    fit = TorchupError(
        without_tokens(error.message),
        code=error.code,
        evidence=[without_tokens(str(item)) for item in error.evidence],
        hint=error.hint and without_tokens(error.hint),
    )
    fit.exit_status = error.exit_status
    return fit


def _fitted(text: str) -> str:
    """Break lines between words where a person reads them; elsewhere they stay whole, for programs."""
    if not sys.stderr.isatty():
        return text
    from rich.console import Console
    from rich.text import Text

    from torchup.ui.rich_text import adapt_rich

    adapt_rich()
    # Told the width and nothing else, so that the breaking of lines does not depend on the streams.
    console = Console(width=shutil.get_terminal_size().columns, highlight=False, force_terminal=True)
    lines = [
        line for part in text.split("\n") for line in (Text.from_ansi(part).wrap(console, console.width) or [Text()])
    ]
    with console.capture() as captured:
        for line in lines:
            console.print(line, soft_wrap=True)
    return captured.get().rstrip("\n")


def as_text(error: TorchupError) -> str:
    """Write an error as lines: message with its code, evidence indented, then the hint apart.

    The only control characters in it are those of the two colours.
    """
    lines = [click.style(tr("error"), fg="red", bold=True) + f"[{error.code}]: {visible(error.message)}"]
    lines += [f"  {line}" for item in error.evidence for line in visible(str(item)).split("\n")]
    if error.hint:
        lines += ["", click.style(tr("hint"), fg="cyan", bold=True) + f": {visible(callable_here(error.hint))}"]
    return "\n".join(lines)


def _unexpected(error: Exception) -> TorchupError:
    """Keep the traceback in a file, because a person should not have to read it on the screen."""
    text = f"torchup {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n"
    text = visible(without_tokens(text + "".join(traceback.format_exception(error))))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="torchup-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        hint = tr(
            "This is a fault in torchup. Please report it and attach {path}; run again with --traceback to see it here.",
            path=file.name,
        )
    except OSError:
        sys.stderr.write(text)
        hint = tr("This is a fault in torchup. Please report it with the lines above.")
    return TorchupError(
        tr("Something unexpected went wrong: {name}: {error}", name=type(error).__name__, error=error),
        code="internal-error",
        hint=hint,
    )
