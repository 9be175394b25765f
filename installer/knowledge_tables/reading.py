"""Read the sources of tables, and say what is wrong with them by file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from knowledge_tables.common import File

SOURCES = Path(__file__).parents[1] / "torchup" / "knowledge" / "sources"
SHARED = "_shared.toml"
INFERRED = "inferred"
HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
Place = tuple[str | int, ...]
AnyFile = TypeVar("AnyFile", bound=File)
Shared = TypeVar("Shared", bound=File)


class SourcesError(ValueError):
    """Sources of tables are wrong; the message has a line for each fault."""


def read_kind(folder: Path, shared: type[Shared], kind: type[AnyFile]) -> tuple[Shared, list[AnyFile]]:
    """Read a kind that has a file for each thing: what they share, and the others by name; raises SourcesError."""
    faults: list[str] = []
    first = _load(folder / SHARED, shared, faults)
    sources = first.sources if first else {}
    codes = getattr(first, "evidence_codes", {})
    paths = sorted(path for path in folder.glob("*.toml") if path.name != SHARED)
    files = {path: loaded for path in paths if (loaded := _load(path, kind, faults))}
    read: dict[Path, File] = {folder / SHARED: first, **files} if first else {**files}
    for path, one in read.items():
        faults += _unnamed(path, "source", {INFERRED, *sources, *one.sources})
        faults += _unnamed(path, "evidence", codes)
    if faults or first is None:
        raise SourcesError("\n".join(faults))
    return first, list(files.values())


def read_one(path: Path, kind: type[AnyFile], *, known: Collection[str] | None) -> AnyFile:
    """Read a kind of one file; raises SourcesError. With `known` None its sources are texts and no short names."""
    faults: list[str] = []
    file = _load(path, kind, faults)
    if file is not None and known is not None:
        faults += _unnamed(path, "source", {INFERRED, *known, *file.sources})
        faults += _unnamed(path, "evidence", getattr(file, "evidence_codes", {}))
    if faults or file is None:
        raise SourcesError("\n".join(faults))
    return file


def _load(path: Path, kind: type[AnyFile], faults: list[str]) -> AnyFile | None:
    text = path.read_text(encoding="utf-8")
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        faults.append(f"{_place(path)}:{line[1] if line else len(text.splitlines())}: {error}")
    except ValidationError as error:
        for fault in error.errors():
            where = ".".join(map(str, fault["loc"]))
            faults.append(f"{_place(path)}:{line_of(text, fault['loc'])}: {where}: {fault['msg']}")
    return None


def _unnamed(path: Path, key: str, known: Collection[str]) -> Iterator[str]:
    """Say which short names under a key nothing explains."""
    text = path.read_text(encoding="utf-8")
    for at, value in _walk(tomllib.loads(text)):
        if at[-1] == key:
            for name in [value] if isinstance(value, str) else value:
                if name not in known:
                    where = ".".join(map(str, at))
                    yield f"{_place(path)}:{line_of(text, at)}: {where}: nothing explains {name!r} here"


def _walk(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    if at:
        yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*at, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _walk(item, (*at, place))


def line_of(text: str, at: Place) -> int:
    """Find the line of a TOML text that holds a value, or the nearest thing around it that has a line of its own."""
    lines: dict[Place, int] = {(): 1}
    counts: dict[Place, int] = {}
    here: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            here = ()
            names = _keys(header[2])
            for place, name in enumerate(names, 1):
                here = (*here, name)
                if header[1] == "[[" and place == len(names):
                    counts[here] = counts.get(here, -1) + 1
                if here in counts:
                    here = (*here, counts[here])
            lines[here] = number
        elif key := KEY.match(line):
            full = here
            for name in _keys(key[1]):
                full = (*full, name)
                lines.setdefault(full, number)
    return next(lines[at[:length]] for length in range(len(at), -1, -1) if at[:length] in lines)


def _keys(dotted: str) -> list[str]:
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:  # a line inside a text that only looks like a key
        return [dotted]
    names = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return names


def _place(path: Path) -> str:
    return path.relative_to(SOURCES.parent).as_posix() if path.is_relative_to(SOURCES) else str(path)
