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
    if not may_write(context, file, MARK) and not force:
        raise UsageError(
            tr("{file} is there and is not a report of torchup.", file=file),
            code="not-a-report",
            hint=tr("Name another file, or replace it with --force."),
        )


def may_write(context: Context, file: Path, mark: bytes) -> bool:
    """Tell whether a file is new, or has the mark of what will replace it. Raises UsageError without its folder."""
    place = place_of(context, file)
    if not place.parent.is_dir():
        raise UsageError(
            tr("{path} is not a folder.", path=file.parent),
            code="report-folder-missing",
            hint=tr("Make the folder, or name another file."),
        )
    if not place.exists():
        return True
    try:
        with place.open("rb") as stream:
            return mark in stream.read(_HEAD)
    except OSError:
        return False


def write_html(line: CommandLine, file: Path, report: Report) -> None:
    """Write a report as one page. Raises StepError when it cannot be written."""
    from torchup.ui.report_html import report_page

    page = report_page(report, made=line.context.now())
    write(line.context, file, page.encode("utf-8", "replace"))


def write(context: Context, file: Path, content: bytes) -> None:
    """Write a file that was named on the command line. Raises StepError when it cannot be written."""
    from torchup.apply.atomic_write import FileWriter
    from torchup.apply.backups import Backups

    writer = FileWriter(backups=Backups(context.places.backups))
    writer.write(str(place_of(context, file)), content, mode=None, create=True)
