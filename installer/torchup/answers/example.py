"""The example that `torchup answers init` prints: every key explained, filled in for a machine."""

from __future__ import annotations

from torchup import __version__
from torchup.answers.summary import machine_summary
from torchup.answers.write import render_answers
from torchup.model.facts import MachineFacts
from torchup.model.request import Request
from torchup.words import tr


def example_answers(
    facts: MachineFacts | None, request: Request | None = None, *, schema_location: str | None = None
) -> str:
    """Give a complete, commented answers file; `facts` are described at its top."""
    heading = [tr("Keep what you need; a key that is left out takes its default. Check it: torchup answers check FILE")]
    if facts is not None:
        heading += ["", tr("This machine:"), *(f"  {line}" for line in machine_summary(facts))]
    return render_answers(
        request or Request(),
        tool_version=__version__,
        heading=heading,
        schema_location=schema_location,
        explain=True,
    )
