"""A gate's no: a stable code and the sentence behind it, put into words only when it is shown."""

from __future__ import annotations

from typing import Any, Literal

from torchup.model.quick import dataclass
from torchup.words import mark, tr

_LAST = {"and": mark(" and "), "or": mark(" or ")}


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """Why a gate does not let a build through.

    `template` is a sentence with named fields, `values` what fills them; a function among them is called for its
    text. Most refusals of a machine are never shown, so the sentence is made on demand.
    """

    code: str
    template: str
    values: dict[str, Any]

    @property
    def text(self) -> str:
        """The sentence, with gate, evidence and number."""
        return self.template.format(
            **{name: value() if callable(value) else value for name, value in self.values.items()}
        )


def sentence(text: str) -> str:
    """Make a sentence of a clause; one that begins with an answer's key, `driver.branch`, keeps its small letter."""
    first = text.partition(" ")[0]
    return tr("{clause}.", clause=text if "." in first else text[:1].upper() + text[1:])


def listed(items: list[str] | tuple[str, ...], last: Literal["and", "or"] = "and") -> str:
    """Write items as a person would: `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:  # noqa: PLR2004  one item needs no joining
        return "".join(items)
    return tr(", ").join(items[:-1]) + tr(_LAST[last]) + items[-1]
