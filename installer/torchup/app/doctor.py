"""`torchup doctor`: look at everything, change nothing, and name the cause, the evidence and the fix."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.errors import ExitStatus, UsageError
from torchup.model.diagnosis import Diagnosis
from torchup.model.facts import MachineFacts
from torchup.reading import LARGEST_FILE, read_file
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.verify.interpreter import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What `torchup doctor` was asked for; `log` is a file with an error text, `-` for standard input."""

    python: str | None
    log: str | None = None
    machine: Path | None = None
    no_test: bool = False
    no_scrub: bool = False


def run_doctor(line: CommandLine, options: DoctorOptions) -> ExitStatus:
    """Diagnose this machine and the environment, or an error text; exit 4 when something is wrong."""
    if options.log is not None:
        return _read_log(line, options.log)
    if options.machine is not None:
        return _examine_facts(line, options)
    from torchup.app.examination import subject_of
    from torchup.app.proof import planned_build, run_test
    from torchup.detect.collect import detect
    from torchup.verify.doctor.order import diagnose
    from torchup.verify.interpreter import Choice

    facts = detect(line.context)
    planned = planned_build(line)
    choice = _choose(line, options.python, planned.python if planned else None, facts)
    there = choice is not None
    if choice is None and planned is not None:
        # Where nothing is found, what torchup set up and is not there any more is what to tell of.
        choice = Choice(python=planned.python, source=tr("the environment that torchup set up"))
    wanted = planned if planned and choice and Path(planned.python) == Path(choice.python) else None
    line.console.say(
        tr("Looking at {python} ({source}).", python=choice.python, source=choice.source)
        if choice
        else tr("No environment was found to look into.")
    )
    python = choice.python if choice else None
    subject = subject_of(line, facts, python, wanted.variant if wanted else None)
    if choice is not None and there and not options.no_test:
        tested = choice.python
        subject.quick_test = lambda: run_test(line, subject, tested, "quick", wanted)
    diagnosis = diagnose(subject, chosen_by=choice.source if choice else None)
    _show(line, diagnosis, options)
    return ExitStatus.DONE if diagnosis.status == "ok" else ExitStatus.DEGRADED


def _examine_facts(line: CommandLine, options: DoctorOptions) -> ExitStatus:
    """Diagnose a machine by its facts alone: nothing is started, and no environment is looked into."""
    from torchup.app.decision import read_machine
    from torchup.app.examination import ask
    from torchup.detect.host import Host
    from torchup.verify.doctor.order import diagnose
    from torchup.verify.doctor.subject import Subject

    facts = read_machine(line, options.machine)
    # A tree without files: whatever is asked of it is not there.
    nowhere = Host.at(Path(__file__) / "nowhere", environ=facts.environment, home=Path("/nonexistent"))
    diagnosis = diagnose(Subject(facts=facts, environ=facts.environment, host=nowhere, ask=ask))
    _show(line, diagnosis, options)
    return ExitStatus.DONE if diagnosis.status == "ok" else ExitStatus.DEGRADED


def _choose(line: CommandLine, asked: str | None, set_up: str | None, facts: MachineFacts) -> Choice | None:
    from torchup.app.examination import choose

    try:
        return choose(line, asked, set_up, facts)
    except UsageError:
        if asked is not None:
            raise
        return None


def _show(line: CommandLine, diagnosis: Diagnosis, options: DoctorOptions) -> None:
    from torchup.app.examination import scrubber
    from torchup.model.serial import dump

    def show() -> None:
        from torchup.ui.diagnosis_view import render

        line.console.show(render(diagnosis))

    fit = scrubber(line.context, only_secrets=options.no_scrub)
    line.console.answer(fit.scrub(dump(diagnosis)), show)


def _read_log(line: CommandLine, log: str) -> ExitStatus:
    """Name the causes that an error text or a log shows; nothing of this machine is looked at."""
    from torchup.model.diagnosis import Found, LayerResult
    from torchup.tokens import without_tokens
    from torchup.verify.causes import causes_in, explain, known_causes

    known = known_causes()
    told = causes_in(without_tokens(_text_of(line, log)))
    layers = tuple(
        LayerResult(
            name=known[name].layer,
            status=known[name].severity,
            detail=tr("told by the text"),
            found=(Found(cause=name, evidence=(text[:300],)),),
        )
        for name, text in told
    )
    causes = explain((name for name, _ in told), None)

    def show() -> None:
        from torchup.ui.diagnosis_view import render_causes

        if told:
            line.console.show(render_causes(layers, causes))
        else:
            line.console.say(tr("The text shows no cause that is known."))

    line.console.answer({"found": [layer.found[0] for layer in layers], "causes": causes}, show)
    return ExitStatus.DONE if told else ExitStatus.NO_SOLUTION


def _text_of(line: CommandLine, log: str) -> str:
    if log == "-":
        return sys.stdin.buffer.read(LARGEST_FILE).decode("utf-8", "replace")
    try:
        return read_file(line.context.cwd / log).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(
            tr("{log} cannot be read.", log=log),
            code="log-not-readable",
            evidence=[str(error)],
            hint=tr("Name a text file, or - for standard input."),
        ) from error
