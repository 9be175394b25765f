"""From checked sources to the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from knowledge_tables.common import File, Row

Table = dict[str, Any]
HEAD = frozenset({"as_of", "sources"})


def head(files: Iterable[File]) -> Table:
    """Give the newest date of the files, and all their sources by short name."""
    everything = list(files)
    return {
        "as_of": max(file.as_of for file in everything).isoformat(),
        "sources": {key: text for file in everything for key, text in file.sources.items()},
    }


def plain(row: Row, *, only: Iterable[str] = (), without: Iterable[str] = ()) -> Table:
    """Give a row as it goes into a table: an empty default is left out."""
    chosen = {}
    for name, field in type(row).model_fields.items():
        written = name in row.model_fields_set or field.default not in ("", [], {})
        if written and name not in without and (not only or name in only):
            chosen[field.alias or name] = _value(getattr(row, name))
    return chosen


def _value(value: Any) -> Any:
    if isinstance(value, Row):
        return plain(value)
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    return [_value(item) for item in value] if isinstance(value, list) else value
