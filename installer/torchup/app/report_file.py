"""Write a report to a file: atomically, and never over something that is not a report."""

from __future__ import annotations

from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.errors import UsageError
from torchup.model.context import Context
from torchup.model.outcome import Report
from torchup.words import tr

# The mark in the page's head by which a report is known again.
MARK = b'<meta name="generator" content="torchup'
_HEAD = 4096


def place_of(context: Context, file: Path) -> Path:
    """Give the place on disk of a file named on the command line."""
    return context.below_root(context.cwd / file)


def refuse_to_replace(context: Context, file: Path, *, force: bool) -> None:
    """Refuse before anything runs when the file is there and is no report, or its folder is not. Raises UsageError."""
    place = place_of(context, file)
    if not place.parent.is_dir():
        raise UsageError(
            tr("{path} is not a folder.", path=file.parent),
            code="report-folder-missing",
            hint=tr("Make the folder, or name another file."),
        )
    if force or not place.exists():
        return
    try:
        with place.open("rb") as stream:
            is_report = MARK in stream.read(_HEAD)
    except OSError:
        is_report = False
    if not is_report:
        raise UsageError(
            tr("{file} is there and is not a report of torchup.", file=file),
            code="not-a-report",
            hint=tr("Name another file, or replace it with --force."),
        )


def write_html(line: CommandLine, file: Path, report: Report) -> None:
    """Write a report as one page. Raises StepError when it cannot be written."""
    from torchup.apply.atomic_write import FileWriter
    from torchup.apply.backups import Backups
    from torchup.ui.report_html import report_page

    context = line.context
    page = report_page(report, made=context.now())
    writer = FileWriter(backups=Backups(context.places.backups))
    writer.write(str(place_of(context, file)), page.encode("utf-8", "replace"), mode=None, create=True)
