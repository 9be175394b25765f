"""A run's moving line on whatever terminal this is started on: events with odd texts, and time for each to be drawn."""

import sys
import time
from pathlib import Path

from torchup.apply.events import StepFinished, StepOutput, StepStarted
from torchup.model.outcome import Outcome
from torchup.model.plan import MakeDirectory
from torchup.surroundings import read_context
from torchup.ui.console import Console
from torchup.ui.progress import RunProgress

SUMMARIES = ("Install pack[more], other[/more]", "Make /tmp/[bold]/x[/]", "一" * 60, "Write " + "/long" * 60)
LINES = ("[/dim] a closing tag", "[red]colour", "x" * 300, "\t tab\r and return", "一" * 200)


def main(ready: Path) -> None:
    """Play the events; after the first step wait until the window has been made narrower."""
    console = Console(read_context().terminal, json_output=False, quiet=False, verbose=0)
    with RunProgress(console) as progress:
        for number, summary in enumerate(SUMMARIES, 1):
            step = MakeDirectory(id=f"step{number}", summary=summary, why="", path="/x")
            progress(StepStarted(step=step, number=number, total=len(SUMMARIES)))
            for line in LINES:
                progress(StepOutput(step=step, line=line))
                time.sleep(0.25)
            while number == 1 and not ready.exists():
                time.sleep(0.05)
            progress(StepFinished(step=step, outcome=Outcome(step_id=step.id, status="changed", detail="")))
    sys.stdout.write("the end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
