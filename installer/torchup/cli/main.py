"""One run of the program: language, streams, the command, and its exit status."""

from __future__ import annotations

import errno
import gc
import os
import stat
import sys
from collections.abc import Sequence
from typing import Any

import click

from torchup.cli.root import cli
from torchup.errors import ExitStatus, InterruptError, TorchupError, UsageError
from torchup.own_variables import COMPLETION
from torchup.words import Language, choose_language, tr, use

_OBJECTS_BEFORE_COLLECTION = 100_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the documented status."""
    from torchup.interrupts import Terminated, terminate_politely

    terminate_politely()
    # Nothing that torchup or a child makes may be written by everybody: it would refuse to run it later.
    os.umask(os.umask(0o077) | stat.S_IWOTH)
    # Starting makes many objects that stay; looking through them for garbage again and again frees nothing.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    _open_missing_streams()
    on_terminal = sys.stdout.isatty() or sys.stderr.isatty()
    given = list(sys.argv[1:] if arguments is None else arguments)
    _speak(choose_language(given, os.environ))
    if COMPLETION in os.environ:
        from torchup.ui.completion import answer_completions

        sys.exit(answer_completions(cli, os.environ))
    try:
        try:
            status = _run(given)
        except OSError as error:
            status = _output_failed(error, on_terminal=on_terminal)
    except Terminated:  # while a failure was being told
        status = ExitStatus.TERMINATED
    except KeyboardInterrupt:
        status = ExitStatus.INTERRUPTED
    # On its way out the interpreter would look through everything for garbage once more, a tenth of a short run.
    gc.freeze()
    sys.exit(int(status or 0))


def _run(given: list[str]) -> int | None:
    """Run the command and report what stopped it; raises OSError where even that could not be printed."""
    from torchup.interrupts import Terminated

    options: dict[str, Any] = {}
    try:
        with cli.make_context("torchup", list(given)) as context:
            options = context.meta
            status: int | None = cli.invoke(context)
        console = options.get("torchup.console")
        if not status and console is not None and console.output_failed:
            return ExitStatus.FAILED_ROLLED_BACK
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        _show_usage(error, json_output=_asks_for_json(given))
        return ExitStatus.USAGE
    except (KeyboardInterrupt, click.Abort):
        if _asks_for_json(given):
            _print_envelope(InterruptError(tr("Stopped."), code="interrupted"))
        click.echo(tr("Stopped."), err=True)
        return ExitStatus.INTERRUPTED
    except Terminated:
        return ExitStatus.TERMINATED
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  the one place that tells whatever went wrong
        from torchup.ui.failure import report_failure

        merged = options.get("torchup", {})
        if merged.get("traceback"):
            return _show_traceback(error)
        return report_failure(error, json_output=bool(merged.get("json_output")))
    return status


def _asks_for_json(given: list[str]) -> bool:
    """Look for `--json` among the arguments themselves: click may not have come to the end of them."""
    return "--json" in given[: given.index("--")] if "--" in given else "--json" in given


def _show_usage(error: click.ClickException, *, json_output: bool) -> None:
    """Print what click has to say of the arguments, which may be anything."""
    from io import StringIO

    from torchup.visible import visible

    if json_output:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "torchup"
        message = error.format_message()
        _print_envelope(
            UsageError(
                message, code="bad-arguments", hint=tr("`{command} --help` lists what it takes.", command=command)
            )
        )
    said = StringIO()
    error.show(file=said)
    click.echo(visible(said.getvalue()), err=True, nl=False)


def _print_envelope(error: TorchupError) -> None:
    """Print why nothing is given, where nothing else tells it to programs."""
    from torchup.ui.envelope import envelope

    click.echo(envelope(error), nl=False)


def _show_traceback(error: Exception) -> ExitStatus:
    """Print where an error came from, as Python does, with the status that Python gives it."""
    import traceback

    from torchup.tokens import without_tokens
    from torchup.visible import visible

    click.echo(visible(without_tokens("".join(traceback.format_exception(error)))), err=True, nl=False)
    return ExitStatus.FAILED_ROLLED_BACK


def _speak(language: Language) -> None:
    use(language)
    if language != "en":
        from torchup.ui.help_texts import translate_help

        translate_help(cli)


def _open_missing_streams() -> None:
    """Give a closed standard stream to /dev/null; the next file that is opened would otherwise take its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, mode))


def _output_failed(error: OSError, *, on_terminal: bool) -> ExitStatus:
    """End when words could not be printed; every other failure of the system comes as an error of torchup's own."""
    from torchup.ui.console import silence
    from torchup.ui.failure import report_failure

    silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return ExitStatus.DONE
    if on_terminal and error.errno == errno.EIO:
        # The terminal hung up, and nobody is left to be told: the end that SIGHUP brings, which may come later.
        silence(sys.stderr)
        return ExitStatus.TERMINATED
    failed = TorchupError(tr("The output could not be written: {reason}.", reason=error.strerror), code="output-failed")
    return report_failure(failed, json_output=False)
