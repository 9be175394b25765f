"""The manual page, in roff's man macros, from the same help texts as the command line's own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

import click

from torchup.errors import ExitStatus
from torchup.own_variables import ANSWERS, EXPORTED, READ

FILES = {
    "~/.config/torchup/answers.yaml": "the complete answers of the last set-up",
    "~/.config/torchup/env.sh": "the shell settings; env.fish, env.csh and env.ps1 for the other shells",
    "~/.local/state/torchup": "the journal of every run, and the backups that undo needs",
    "~/.local/state/torchup/log": "everything that the programs printed which torchup ran",
}
VARIABLES = {
    f"{ANSWERS}<SECTION>_<KEY>": f"an answer, as in {ANSWERS}TORCH_VERSION=2.13.0; it overrides the file, and --set overrides both",
    **{name: meaning for name, meaning in (READ | EXPORTED).items() if not name.startswith("_")},
    "NO_COLOR": "set to anything: no colours",
    "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME": "where torchup's own files go",
}


def man_page(cli: click.Group, exit_meanings: Mapping[ExitStatus, str]) -> str:
    """Write torchup(1): the commands with their options, exit codes, files and variables."""
    lines = [
        '.\\" Written by docs/generate.py (`make docs`). Do not edit.',
        '.TH TORCHUP 1 "" "torchup" "User Commands"',
        ".SH NAME",
        "torchup \\- set up a machine for PyTorch on a GPU",
        ".SH SYNOPSIS",
        ".B torchup",
        "[\\fIOPTIONS\\fR] [\\fICOMMAND\\fR] [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(cli),
        ".SH OPTIONS",
        *_options(cli),
        ".SH COMMANDS",
    ]
    for path, command in _commands(cli, ()):
        lines += [f".SS {_text(' '.join(path))}", *_paragraphs(command), *_options(command, without=cli)]
    lines.append(".SH EXIT STATUS")
    for status, meaning in exit_meanings.items():
        lines += [".TP", f".B {int(status)}", _text(meaning)]
    for title, table in (("FILES", FILES), ("ENVIRONMENT", VARIABLES)):
        lines.append(f".SH {title}")
        for name, meaning in table.items():
            lines += [".TP", f".I {_text(name)}", _text(meaning)]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def _paragraphs(command: click.Command) -> Iterator[str]:
    for number, text in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if number:
            yield ".PP"
        yield _text(" ".join(text.split()))


def _options(command: click.Command, without: click.Command | None = None) -> Iterator[str]:
    common = {parameter.name for parameter in without.params} if without else set()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in common:
            value = "" if parameter.is_flag or parameter.count else f" \\fI{_text(_metavar(parameter))}\\fR"
            names = ", ".join(f"\\fB{_text(name)}\\fR" for name in parameter.opts)
            yield from (".TP", f"{names}{value}", _text(parameter.help or ""))


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return option.type.name.upper()


def _text(text: str) -> str:
    """Quote what roff would read as its own: backslashes, dashes, and a dot or quote at the start of a line."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return re.sub(r"^([.'])", r"\\&\1", quoted)
