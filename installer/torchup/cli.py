"""The command line: parses arguments, calls `torchup.app`, prints, and turns errors into exit codes.

Only click and the error tree are imported here, so that `--help` and `--version` start fast.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from torchup import __version__
from torchup.errors import ExitStatus
from torchup.words import LANGUAGES, Language, choose_language, use

_OBJECTS_BEFORE_COLLECTION = 100_000

F = TypeVar("F", bound=Callable[..., Any])


class FilePath(click.Path):
    """A path, turned into a `pathlib.Path` only when one is given: pathlib would cost `--help` a seventh of its time."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the path of what was written."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


FILE = FilePath()
SHELLS = click.Choice(
    ["bash", "zsh", "fish", "csh", "tcsh", "ksh", "dash", "conda", "powershell", "nushell", "elvish", "xonsh"]
)

_COMMON: tuple[Callable[[F], F], ...] = (
    click.option("--json", "json_output", is_flag=True, help="Print the data as JSON on standard output."),
    click.option("-v", "--verbose", count=True, help="Say more; twice also shows what programs print."),
    click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong."),
    click.option("--plain", is_flag=True, help="Numbered questions and plain lines: for screen readers and logs."),
    click.option("--lang", type=click.Choice(LANGUAGES), help="The language of all texts; else that of the locale."),
    click.option("--root", type=FILE, metavar="DIR", help="Write everything below DIR."),
    click.option("--traceback", is_flag=True, help="Show where in the program an error came from."),
)


def _answer_keys(context: click.Context, parameter: click.Parameter, typed: str) -> Any:
    from torchup.ui.completion import answer_keys

    return answer_keys(context, parameter, typed)


def common_options(command: F) -> F:
    """Add the options that every command takes, also when they stand before the command's name."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


def _commandline(parameters: dict[str, Any]) -> Any:
    """Merge the common options of the group and the command, and build what commands work with."""
    from torchup.app import CommandLine

    del parameters["lang"]  # it was looked at before anything was said
    names = ("json_output", "verbose", "quiet", "plain", "root", "traceback")
    context = click.get_current_context()
    merged = {name: parameters.pop(name) for name in names}
    outer = context.find_root().params
    for name in names:
        merged[name] = merged[name] or outer.get(name)
    context.find_root().meta["torchup"] = merged
    commandline = CommandLine.create(**merged)
    context.find_root().meta["torchup.console"] = commandline.console
    return commandline


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command, on a terminal: the wizard, as in `torchup setup`.",
)
@click.version_option(__version__, prog_name="torchup")
@common_options
@click.pass_context
def cli(context: click.Context, /, **common: Any) -> Any:
    """Set this machine up for PyTorch: look, decide, explain, install, prove, and undo if asked."""
    if context.invoked_subcommand is None:
        return context.invoke(setup, **common)
    return None


@cli.command()
@click.option("--answers", type=FILE, metavar="FILE", help="Take the answers from FILE and ask nothing.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=_answer_keys,
    help="Override one answer, e.g. torch.version=2.13.0.",
)
@click.option("--yes", is_flag=True, help="Take the recommended answers and ask nothing.")
@click.option("--dry-run", is_flag=True, help="Print the commands as a POSIX shell script, and change nothing.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 10 when there is something to do.")
@click.option("--machine", type=FILE, metavar="FILE", help="With --dry-run: facts of another machine.")
@click.option("--offline", is_flag=True, help="Open no network connection.")
@click.option("--save-answers", type=FILE, metavar="FILE", help="Also write the complete answers to FILE.")
@click.option("--plan", type=FILE, metavar="FILE", help="Apply the plan in FILE, made by --dry-run --json.")
@click.option("--from-lock", type=FILE, metavar="FILE", help="Install exactly what the pylock.toml FILE names.")
@common_options
def setup(**parameters: Any) -> int:
    """Detect, ask, resolve, plan, review, apply, verify."""
    commandline = _commandline(parameters)
    from torchup.app.setup import SetupOptions, run_setup

    return int(run_setup(commandline, SetupOptions(**parameters)))


@cli.command()
@common_options
def detect(**parameters: Any) -> int:
    """Show what this machine has: GPUs, driver, Pythons, shells, and anything odd."""
    commandline = _commandline(parameters)
    from torchup.app.inspect import run_detect

    return int(run_detect(commandline))


@cli.command()
@click.option("--machine", type=FILE, metavar="FILE", help="Facts of another machine (from `torchup detect --json`).")
@click.option("--answers", type=FILE, metavar="FILE", help="What is wanted, as an answers file.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", shell_complete=_answer_keys, help="Override one answer."
)
@click.option("--offline", is_flag=True, help="Open no network connection; the bundled snapshot stands in.")
@click.option("--all", "every_rejection", is_flag=True, help="List every candidate with the gate that stopped it.")
@common_options
def resolve(**parameters: Any) -> int:
    """Decide which PyTorch build, CUDA and driver fit together, and say why."""
    commandline = _commandline(parameters)
    from torchup.app.inspect import run_resolve

    return int(run_resolve(commandline, **parameters))


@cli.command()
@click.option("--torch", "version", metavar="VERSION", help="Only this torch release, e.g. 2.14.")
@click.option("--gpu", metavar="NAME|CC", help="Only builds for this GPU: a name, a chip or a compute capability.")
@click.option("--driver", metavar="VERSION", help="Only builds that this NVIDIA driver runs.")
@common_options
def matrix(**parameters: Any) -> int:
    """Show which PyTorch builds exist and what they run on."""
    commandline = _commandline(parameters)
    from torchup.app.inspect import run_matrix

    return int(run_matrix(commandline, **parameters))


@cli.group()
def shell() -> None:
    """Only the shell configuration, for a toolkit and an environment that exist."""


def _shell_options(command: F) -> F:
    for option in (
        click.option("--for-user", metavar="NAME", help="As root: act as this user, for their home."),
        click.option(
            "--ld-library-path",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Whether the toolkit's libraries go into LD_LIBRARY_PATH.",
        ),
        click.option(
            "--scope",
            type=click.Choice(["interactive", "all"]),
            default="interactive",
            show_default=True,
            help="all: also scripts and `ssh host command`, where the shell reads a file for them.",
        ),
        click.option("--environment", metavar="DIR", help="The environment that has PyTorch."),
        click.option("--cuda-home", metavar="DIR", help="The CUDA toolkit that CUDA_HOME names."),
        click.option("--rc", metavar="FILE", help="The start-up file, in place of the usual ones."),
        click.option("--shell", "shells", multiple=True, type=SHELLS, help="Which shell; may be given again."),
    ):
        command = option(command)
    return common_options(command)


_NO_RC = click.option("--no-rc", is_flag=True, help="Edit no start-up file; print the lines to add.")
_YES = click.option("--yes", is_flag=True, help="Do not ask before writing.")
_SHELL_DRY = click.option("--dry-run", is_flag=True, help="Show the changes as unified diffs, and change nothing.")


def _shell_commandline(parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Take the options that all shell commands share out of the parameters; act for the user that is named."""
    _become(parameters)
    commandline = _commandline(parameters)
    from torchup.app.shell_wish import ShellOptions

    return commandline, ShellOptions(**{name: parameters.pop(name) for name in list(parameters) if name in _SHARED})


_SHARED = ("shells", "rc", "no_rc", "cuda_home", "environment", "scope", "ld_library_path")


def _become(parameters: dict[str, Any]) -> None:
    if name := parameters.pop("for_user", None):
        from torchup.apply.become import become

        become(name)


@shell.command("show")
@_NO_RC
@_shell_options
def shell_show(**parameters: Any) -> int:
    """Show what would be written where, as unified diffs, and what may get in the way."""
    commandline, options = _shell_commandline(parameters)
    from torchup.app.shell import run_show

    return int(run_show(commandline, options))


@shell.command("apply")
@click.option("--all-or-nothing", is_flag=True, help="Change no file when one of them cannot be edited.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 10 when there is something to do.")
@_SHELL_DRY
@_YES
@_NO_RC
@_shell_options
def shell_apply(**parameters: Any) -> int:
    """Write the env files and the managed blocks, and start the shells to see that they work."""
    commandline, options = _shell_commandline(parameters)
    from torchup.app.shell import run_apply

    return int(run_apply(commandline, options, **parameters))


@shell.command("remove")
@_SHELL_DRY
@_YES
@_shell_options
def shell_remove(**parameters: Any) -> int:
    """Take the managed blocks and the env files out again."""
    commandline, options = _shell_commandline(parameters)
    from torchup.app.shell import run_remove

    return int(run_remove(commandline, options, **parameters))


@shell.command("check")
@_shell_options
def shell_check(**parameters: Any) -> int:
    """Start real shells and compare what they have with what was set up."""
    commandline, options = _shell_commandline(parameters)
    from torchup.app.shell import run_check

    return int(run_check(commandline, options))


@cli.command()
@click.option(
    "--python", metavar="PYTHON", help="What is tested: an interpreter, a venv's folder, or a conda environment's name."
)
@click.option("--level", type=click.Choice(["quick", "standard", "full"]), default="quick", show_default=True)
@click.option("--html", type=FILE, metavar="FILE", help="Also write the report to FILE, as one page.")
@click.option("--force", is_flag=True, help="With --html: replace a file that is not a report.")
@click.option("--no-scrub", is_flag=True, help="Keep names, addresses and paths below home in --json and --html.")
@click.option(
    "--timeout-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="X",
    help="Stretch every time limit.",
)
@common_options
def verify(**parameters: Any) -> int:
    """Run the tensor test on every GPU."""
    commandline = _commandline(parameters)
    from torchup.app.proof import VerifyOptions, run_verify

    return int(run_verify(commandline, VerifyOptions(**parameters)))


@cli.command()
@click.option(
    "--python",
    metavar="PYTHON",
    help="What is examined: an interpreter, a venv's folder, or a conda environment's name.",
)
@click.option("--log", metavar="FILE", help="Explain an error text in FILE (- for standard input) instead.")
@click.option("--machine", type=FILE, metavar="FILE", help="Examine the facts of another machine instead.")
@click.option("--no-test", is_flag=True, help="Leave the tensor test out.")
@click.option("--no-scrub", is_flag=True, help="Keep names, addresses and paths below home in --json.")
@common_options
def doctor(**parameters: Any) -> int:
    """Find out what is wrong: the cause, the evidence, the fix. Changes nothing."""
    commandline = _commandline(parameters)
    from torchup.app.doctor import DoctorOptions, run_doctor

    return int(run_doctor(commandline, DoctorOptions(**parameters)))


@cli.command()
@common_options
def status(**parameters: Any) -> int:
    """Show the last run: what was done, what is open."""
    commandline = _commandline(parameters)
    from torchup.app.history import run_status

    return int(run_status(commandline))


@cli.command()
@common_options
def resume(**parameters: Any) -> int:
    """Go on with a run that was stopped."""
    commandline = _commandline(parameters)
    from torchup.app.history import run_resume

    return int(run_resume(commandline))


@cli.command()
@click.option("--dry-run", is_flag=True, help="Show what would be put back, and change nothing.")
@common_options
def undo(**parameters: Any) -> int:
    """Put back what the last run changed."""
    commandline = _commandline(parameters)
    from torchup.app.history import run_undo

    return int(run_undo(commandline, **parameters))


@cli.group()
def answers() -> None:
    """Answers files: an example, a check, the JSON Schema."""


@answers.command("init")
@click.argument("file", type=FILE, required=False)
@common_options
def answers_init(**parameters: Any) -> int:
    """Write a commented answers file for this machine (to FILE, else to standard output)."""
    commandline = _commandline(parameters)
    from torchup.app.answers import run_init

    return int(run_init(commandline, **parameters))


@answers.command("check")
@click.argument("file", type=FILE)
@common_options
def answers_check(**parameters: Any) -> int:
    """Report every problem of an answers file with line and column."""
    commandline = _commandline(parameters)
    from torchup.app.answers import run_check

    return int(run_check(commandline, **parameters))


@answers.command("schema")
@common_options
def answers_schema(**parameters: Any) -> int:
    """Print the JSON Schema of answers files."""
    commandline = _commandline(parameters)
    from torchup.app.answers import run_schema

    return int(run_schema(commandline))


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_options
def completion(**parameters: Any) -> int:
    """Print what a shell reads to complete torchup's commands and options.

    bash: torchup completion bash > ~/.local/share/bash-completion/completions/torchup

    zsh: torchup completion zsh > a folder of $fpath, as _torchup

    fish: torchup completion fish > ~/.config/fish/completions/torchup.fish
    """
    commandline = _commandline(parameters)
    from torchup.ui.completion import completion_script

    script = completion_script(cli, parameters["shell"])
    if commandline.console.json_output:
        commandline.console.data({"schema": 1, "shell": parameters["shell"], "script": script})
    else:
        commandline.console.text(script)
    return int(ExitStatus.DONE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the documented status."""
    from torchup.interrupts import Terminated, terminate_politely

    terminate_politely()
    # Starting makes many objects that stay; looking through them for garbage again and again frees nothing.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    options: dict[str, Any] = {}
    _open_missing_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    _speak(choose_language(given, os.environ))
    if "_TORCHUP_COMPLETE" in os.environ:
        from torchup.ui.completion import answer_completions

        sys.exit(answer_completions(cli, os.environ))
    try:
        with cli.make_context("torchup", given) as context:
            options = context.meta
            status = cli.invoke(context)
        console = options.get("torchup.console")
        if not status and console is not None and console.output_failed:
            status = ExitStatus.FAILED_ROLLED_BACK
    except click.exceptions.Exit as done:
        status = done.exit_code
    except click.ClickException as error:
        error.show()
        status = ExitStatus.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        status = ExitStatus.INTERRUPTED
    except Terminated:
        status = ExitStatus.TERMINATED
    except OSError as error:
        status = _stdout_failed(error)
    except Exception as error:
        from torchup.ui.failure import report_failure

        merged = options.get("torchup", {})
        if merged.get("traceback"):
            raise
        status = report_failure(error, json_output=bool(merged.get("json_output")))
    sys.exit(int(status or 0))


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


def _stdout_failed(error: OSError) -> ExitStatus:
    """End when click itself could not print; every other failure of the system comes as an error of torchup's own."""
    from torchup.ui.console import silence_stdout
    from torchup.ui.failure import report_failure

    silence_stdout()
    if isinstance(error, BrokenPipeError):
        return ExitStatus.DONE
    return report_failure(error, json_output=False)
