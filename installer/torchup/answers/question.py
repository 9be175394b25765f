"""What a question is: data that the wizard, the answers file, its JSON Schema and its page are made from."""

from __future__ import annotations

from typing import Literal

from torchup.answers.values import Value
from torchup.model.quick import dataclass

Kind = Literal["choice", "text", "path", "confirm"]
ChoiceSource = Literal["gpus", "variants", "pythons", "environment-kinds", "environments", "toolkits", "toolkit-paths",
                       "driver", "shells", "mirrors"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value that can be chosen; `note` is one line that says why, or why not."""

    value: Value
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One key of the answers, and how it is asked for.

    `meaning` is one sentence about the key, for files and pages; `help` tells more, for the `?` of the wizard.
    `when` names the signals (`torchup.answers.signals`) that must all hold for a first run to ask it, `!` in front
    of one that must not; None means that it is only asked when a person opens it at the review or by `ask`, or in
    trouble that it can help out of: where all signals of `rescues_from` hold. `choices` are fixed ones,
    `choice_source` names those that depend on the machine; the recommended one is always first. `typed` says
    whether a value outside the choices can be typed. `decides` says whether the decision depends on it.
    All texts are in English, marked for the catalogues: `tr` says them where they are shown.
    """

    key: str
    meaning: str
    values: str
    prompt: str
    help: str = ""
    kind: Kind = "choice"
    choices: tuple[Choice, ...] = ()
    choice_source: ChoiceSource | None = None
    typed: bool = False
    when: tuple[str, ...] | None = None
    rescues_from: tuple[str, ...] = ()
    decides: bool = True
    dangerous: bool = False


def labelled(**labels: str) -> tuple[Choice, ...]:
    """Make choices from their values and labels."""
    return tuple(Choice(value=value, label=label) for value, label in labels.items())
