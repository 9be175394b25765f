"""Read an answers file into a request, with every problem at its line and column."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from torchup.answers.files import read_small_file
from torchup.answers.problems import Located, answers_invalid, report
from torchup.answers.yaml_source import Document, parse_document
from torchup.model.request import Request
from torchup.words import mark, tr


def read_answers(path: Path) -> Request:
    """Read the answers file at `path`.

    Raises UsageError: `file-unreadable` when there is no such small text file, `answers-invalid` with one line
    of evidence per problem. Every key that the file holds has its origin in the result (`answers.yaml:3`).
    """
    return parse_answers(read_small_file(path, what=mark("answers file")), str(path))


def parse_answers(content: bytes, source: str) -> Request:
    """Parse the bytes of an answers file; `source` names it in problems and origins."""
    document = parse_document(content)
    problems = list(document.problems)
    request: Request | None = None
    if document.empty:
        problems.append(Located(1, 1, "", tr("the file holds no answers; `schema: 1` alone takes every default")))
    elif not isinstance(document.data, dict):
        if not problems:
            line, column = document.position(())
            problems.append(
                Located(line, column, "", tr("this is no mapping of keys such as `torch: {version: latest}`"))
            )
    else:
        from torchup.answers.schema import validate

        request, found = validate(document.data, document.written)
        problems += [document.locate(problem, at_key=problem.kind == "unknown-key") for problem in found]
    if problems or request is None:
        raise answers_invalid(
            tr("The answers file {source}", source=source), report(source, problems), len(set(problems))
        )
    return replace(request, origins=_origins(document, source))


def _origins(document: Document, source: str) -> dict[str, str]:
    sections = {field.name for field in fields(Request) if is_dataclass(getattr(Request(), field.name))}
    origins: dict[str, str] = {}
    data: dict[str, Any] = document.data
    for key, value in data.items():
        inner = [(key, name) for name in value] if key in sections else [(key,)]
        for path in inner:
            if path != ("schema",):
                origins[".".join(path)] = f"{source}:{document.key_position(path)[0]}"
    return origins
