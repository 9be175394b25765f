"""`torchup answers`: an example for this machine, a check, the JSON Schema."""

from __future__ import annotations

import shlex
from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.errors import ExitStatus, RefusedError
from torchup.ui.program import callable_here
from torchup.words import tr


def run_init(line: CommandLine, *, file: Path | None) -> ExitStatus:
    """Write a complete, commented answers file; a file that exists is never overwritten."""
    from torchup.answers.example import example_answers
    from torchup.app.decision import read_machine

    text = example_answers(read_machine(line, None))
    file = None if file == Path("-") else file

    def show() -> None:
        if file is None:
            line.console.text(text)

    line.console.answer({"answers": text}, show)
    if file is not None:
        _write_new(line, file, text)
        told = tr("Wrote {file}. Check it with: torchup answers check {file}", file=shlex.quote(str(file)))
        line.console.say(callable_here(told))
    return ExitStatus.DONE


def run_check(line: CommandLine, *, file: Path) -> ExitStatus:
    """Read an answers file and say that it can be used; every problem is one error report."""
    from torchup.answers.read import read_answers
    from torchup.resolve.sources import plain_http

    request = read_answers(file)
    source = request.source
    addresses = (source.index, source.mirror or "", *source.find_links, *source.conda_channels)
    for reason in plain_http(addresses):
        line.console.warn(reason.text)
    told = tr("{file} can be used: torchup setup --answers {file}", file=shlex.quote(str(file)))
    line.console.answer(
        {"file": str(file), "valid": True, "answers": request}, lambda: line.console.show(callable_here(told))
    )
    return ExitStatus.DONE


def run_schema(line: CommandLine) -> ExitStatus:
    """Print the JSON Schema, with `--json` in the envelope: a validator passes over the key that it does not know."""
    import json

    from torchup.answers.schema import json_schema

    schema = json_schema()
    line.console.answer(schema, lambda: line.console.text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n"))
    return ExitStatus.DONE


def _write_new(line: CommandLine, file: Path, text: str) -> None:
    from torchup.apply.run import Machine

    place = line.context.below_root((line.context.cwd / file).absolute())
    if place.exists() or place.is_symlink():
        raise RefusedError(
            tr("{file} is there already.", file=file),
            code="file-exists",
            hint=tr("Name another file, or leave the name out to have the text on standard output."),
        )
    Machine(context=line.context).system().write_file(str(place), text.encode(), mode=0o600, create=True)
