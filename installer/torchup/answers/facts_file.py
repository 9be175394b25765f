"""Read a facts file (`--machine F`): YAML or JSON, with every problem at its line and column."""

from __future__ import annotations

from pathlib import Path

from torchup.answers.facts_check import contradictions
from torchup.answers.files import read_small_file
from torchup.answers.problems import Located, counted, not_a_string, report
from torchup.answers.yaml_source import Document, parse_document
from torchup.errors import UsageError
from torchup.model.facts import MachineFacts
from torchup.model.serial import Problem, ShapeError, load
from torchup.words import mark, tr


def read_facts(path: Path) -> MachineFacts:
    """Read the machine facts at `path`.

    Raises UsageError: `file-unreadable` when there is no such small text file, `facts-invalid` with one line of
    evidence per problem, contradictory values included.
    """
    return parse_facts(read_small_file(path, what=mark("facts file")), str(path))


def parse_facts(content: bytes, source: str) -> MachineFacts:
    """Parse the bytes of a facts file; `source` names it in problems."""
    document = parse_document(content, json_first=True)
    problems = list(document.problems)
    facts: MachineFacts | None = None
    if document.empty:
        problems.append(Located(1, 1, "", tr("the file is empty")))
    elif not problems or document.data is not None:
        try:
            facts = load(MachineFacts, document.data)
        except ShapeError as error:
            problems += [_locate(document, problem) for problem in error.problems]
        else:
            problems += [document.locate(problem) for problem in contradictions(facts)]
    if problems or facts is None:
        raise UsageError(
            tr("The facts file {source} has {problems}.", source=source, problems=counted(len(set(problems)))),
            code="facts-invalid",
            evidence=report(source, problems),
            hint=tr("`torchup detect --json` on the machine in question records its facts."),
        )
    return facts


def _locate(document: Document, problem: Problem) -> Located:
    if problem.kind == "unknown-key":
        return document.locate(problem, at_key=True)
    text = document.written(problem.path)
    if text and problem.kind == "not-a-string":
        return document.locate(Problem(problem.path, not_a_string(document.value(problem.path), text)))
    return document.locate(problem)
