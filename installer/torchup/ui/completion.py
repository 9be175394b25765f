"""Completion of commands, options and answer keys in bash, zsh and fish, by click's own protocol."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from torchup.own_variables import COMPLETION as VARIABLE
from torchup.words import tr


def completion_script(command: click.Command, shell: str) -> str:
    """Give the lines that a shell reads to complete `torchup`; raises KeyError for a shell that click does not know."""
    kind = get_completion_class(shell)
    if kind is None:
        raise KeyError(shell)
    return kind(command, {}, "torchup", VARIABLE).source() + "\n"


def answer_completions(command: click.Command, environ: Mapping[str, str]) -> int:
    """Answer a shell that asks what could stand here; gives the exit status."""
    return shell_complete(command, {}, "torchup", VARIABLE, environ[VARIABLE])


def answer_keys(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the key of `--set KEY=VALUE`, and the values that a key with fixed choices takes."""
    del context, parameter
    from torchup.answers.questions import QUESTIONS
    from torchup.answers.values import write_value

    key, equals, _ = typed.partition("=")
    if not equals:
        return [
            CompletionItem(f"{item.key}=", help=tr(item.meaning)) for item in QUESTIONS if item.key.startswith(typed)
        ]
    values = [write_value(choice.value) for item in QUESTIONS if item.key == key for choice in item.choices]
    return [CompletionItem(f"{key}={value}") for value in values if f"{key}={value}".startswith(typed)]
