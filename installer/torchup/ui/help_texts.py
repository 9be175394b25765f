"""The help of the command line in another language: click holds it as plain texts of its commands and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import click

from torchup.words import mark, tr

# What click itself says to a person here. It looks its own words up through a function of each module.
_CLICK = (
    "Usage:",
    "Options",
    "Commands",
    "Arguments",
    mark("Show this message and exit."),
    mark("Show the version and exit."),
    "default: {default}",
    "required",
    "Error: {message}",
    mark("Try '{command} {option}' for help."),
    mark("No such command {name!r}."),
    mark("No such option: {name}"),
    "Missing command.",
    "Missing argument",
    "Missing option",
    mark("Invalid value for {param_hint}: {message}"),
    mark("Invalid value: {message}"),
    mark("Option {name!r} requires an argument."),
    mark("Option {name!r} does not take a value."),
    mark("Got unexpected extra argument ({args})"),
    mark("Did you mean {possibility}?"),
    mark("{value!r} is not one of {choices}."),
)
_CLICK_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "types")


def texts_of(command: click.Command) -> Iterator[str]:
    """Give every help text of a command and of those below it, then click's own words."""
    yield from dict.fromkeys(_own(command))
    yield from _CLICK


def translate_help(command: click.Command) -> None:
    """Put every help text of a command tree, and click's own words, into the chosen language."""
    _rewrite(command)
    for name in _CLICK_MODULES:
        module = getattr(click, name)
        if hasattr(module, "_"):
            module._ = _said
        if hasattr(module, "ngettext"):
            module.ngettext = _said_of_some


def _own(command: click.Command) -> Iterator[str]:
    for text in (command.help, command.epilog):
        if text:
            yield inspect.cleandoc(text)
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if text:
            yield text
    for inner in getattr(command, "commands", {}).values():
        yield from _own(inner)


def _rewrite(command: click.Command) -> None:
    said: Callable[[str | None], str | None] = lambda text: tr(inspect.cleandoc(text)) if text else text  # noqa: E731
    command.help, command.epilog = said(command.help), said(command.epilog)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = said(parameter.help)
    for inner in getattr(command, "commands", {}).values():
        _rewrite(inner)


def _said(text: str) -> str:
    return tr(text)


def _said_of_some(one: str, many: str, number: int) -> str:
    # Chinese has one form; a language with more would need its own catalogue entries.
    said = tr(one)
    return said if said != one or number == 1 else many
