"""Write a request as an answers file: complete, in a fixed order, commented, and without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from torchup.answers.questions import SECTION_MEANINGS, question_for
from torchup.answers.values import Value, value_at, value_types
from torchup.model.request import SCHEMA, Request
from torchup.words import mark, tr

LEFT_OUT = mark("user name, password or token left out: they do not belong into this file")

_PLAIN = re.compile(r"(~?/\.?)?[A-Za-z_][A-Za-z0-9_./+-]*")
# What YAML 1.1 takes for a truth value or null when it stands without quotes.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "~"})


def render_answers(
    request: Request,
    *,
    tool_version: str,
    comments: Mapping[str, str] | None = None,
    heading: Sequence[str] = (),
    schema_location: str | None = None,
    explain: bool = False,
) -> str:
    """Give the text of a complete answers file that reads back as the same request, origins aside.

    `comments` adds one line above a key, such as the reason for its value. `heading` stands at the top.
    `schema_location` is a path or URL of the JSON Schema for editors. With `explain`, every key gets its meaning
    and the values that it takes. Credentials, queries and fragments in URLs are never written.
    """
    lines = [] if schema_location is None else [f"# yaml-language-server: $schema={_comment(schema_location)}"]
    lines += [f"# {_comment(line)}".rstrip() for line in (*_heading(tool_version), *heading)]
    lines += ["", f"schema: {SCHEMA}"]
    section = ""
    for key in value_types():
        before, _, name = key.partition(".")
        if name and before != section:
            section = before
            lines += ["", f"{section}:" if explain is False else f"{section}:  # {tr(SECTION_MEANINGS[section])}"]
        elif not name:
            lines.append("")
        indent = "  " if name else ""
        value = value_at(request, key)
        safe = _without_secrets(value) if key.startswith("source.") else value
        notes = [*(_explanation(key) if explain else ()), *([comments[key]] if comments and key in comments else [])]
        notes += [tr(LEFT_OUT)] if safe != value else []
        lines += [f"{indent}# {_comment(note)}" for note in notes]
        lines.append(f"{indent}{name or key}: {flow(safe)}")
    return "\n".join(lines) + "\n"


def without_credentials(url: str) -> str:
    """Give a URL without user name, password, query and fragment, any of which may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if "@" in parts.path and not parts.netloc:  # no URL, but what stands before the @ may be a secret
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _heading(tool_version: str) -> tuple[str, ...]:
    return (
        tr(
            "Answers for torchup, written by torchup {tool_version}. Every key is here, untouched defaults too.",
            tool_version=tool_version,
        ),
        tr("Use it with: torchup setup --answers FILE"),
    )


def _explanation(key: str) -> tuple[str, str]:
    question = question_for(key)
    return tr(question.meaning), f"  {tr(question.values)}"


def _without_secrets(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(_without_secrets(item) for item in value)  # type: ignore[misc]  # texts stay texts
    if not isinstance(value, str) or re.match(r"(/(?!/)|~)", value):  # a path holds no credentials
        return value
    return without_credentials(value)


def flow(value: Value) -> str:
    """Write a value as YAML in one line, in quotes where it would be read as something else."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(flow, value))}]"
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS - {"none"}:
        return value
    # JSON's escapes are a part of YAML's, but for letters beyond U+FFFF, which JSON escapes as two.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(letter if _prints(letter) else _escape(letter) for letter in text)


def _prints(letter: str) -> bool:
    return letter.isprintable() and letter != "\ufeff"


def _escape(letter: str) -> str:
    return f"\\U{ord(letter):08X}"


def _comment(text: str) -> str:
    """Make a text fit for a comment: one line, printable."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
