"""Give the tensor test itself, as one file that runs wherever there is a Python with torch."""

from __future__ import annotations

from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.app.report_file import may_write, write
from torchup.errors import ExitStatus, UsageError
from torchup.words import tr


def give_script(line: CommandLine, file: Path, *, force: bool) -> ExitStatus:
    """Write the archive to a file, or to standard output for `-`.

    Raises UsageError when the file is something else, or standard output a terminal, and StepError when it cannot
    be written.
    """
    from torchup.verify.probe_archive import MARK, archive

    if str(file) == "-":
        if line.context.terminal.stdout_is_terminal:
            raise UsageError(
                tr("The tensor test is an archive, which no terminal can show."),
                code="binary-to-terminal",
                hint=tr("Name a file: `torchup verify --script tensor_probe.pyz`."),
            )
        line.console.binary(archive())
        return ExitStatus.DONE
    if not may_write(line.context, file, MARK.encode()) and not force:
        raise UsageError(
            tr("{file} is there and is not the tensor test.", file=file),
            code="not-a-tensor-test",
            hint=tr("Name another file, or replace it with --force."),
        )
    write(line.context, file, archive())
    told = tr("The tensor test is in {file}. Run it with a Python that has torch.", file=file)
    line.console.answer({"file": str(file)}, lambda: line.console.say(told))
    return ExitStatus.DONE
