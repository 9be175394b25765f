"""JSON in and out for the model's dataclasses, with every problem of an input named at once.

`dump` and `load` are inverse for every value in `torchup.model`. Reading is strict: unknown keys,
missing keys and wrong types are problems, and all of them are gathered before `ShapeError` is raised.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from torchup.model.quick import dataclass
from torchup.words import mark, tr

PathKey = str | int
ProblemKind = Literal["unknown-key", "not-a-string"]
T = TypeVar("T")

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input, at the path of keys and positions that leads to it."""

    path: tuple[PathKey, ...]
    text: str
    kind: ProblemKind | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.text}" if self.path else self.text


class ShapeError(ValueError):
    """An input does not have the shape of its type; `problems` lists everything that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


def dotted(path: tuple[PathKey, ...]) -> str:
    """Write a path as a person would: `gpus[0].name`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def dump(value: Any) -> Any:
    """Turn a model value into what `json.dumps` takes; tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: dump(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [dump(item) for item in value]
    return value


def digest(value: Any) -> str:
    """Give the sha256 of the canonical JSON of a model value, in hex."""
    import hashlib

    text = json.dumps(dump(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load(cls: type[T], data: Any) -> T:
    """Build a `cls` from parsed JSON or YAML; raises ShapeError with every problem."""
    problems: list[Problem] = []
    value = _load(cls, data, (), problems)
    if problems:
        raise ShapeError(problems)
    return value  # type: ignore[no-any-return]


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _load(kind: Any, data: Any, path: tuple[PathKey, ...], problems: list[Problem]) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return data
    if origin in (Union, types.UnionType):
        return _load_union(get_args(kind), data, path, problems)
    if origin is Literal:
        choices = get_args(kind)
        if any(data == choice and type(data) is type(choice) for choice in choices):
            return data
        wanted = ", ".join("null" if choice is None else str(choice) for choice in choices)
        return _problem(problems, path, tr("{value} is not one of {wanted}", value=_show(data), wanted=wanted))
    if origin is tuple:
        return _load_tuple(get_args(kind)[0], data, path, problems)
    if origin is dict:
        return _load_mapping(get_args(kind)[1], data, path, problems)
    if isinstance(kind, type) and is_dataclass(kind):
        return _load_dataclass(kind, data, path, problems)
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is kind:
        return data
    text = tr("{value} is not {wanted}", value=_show(data), wanted=tr(_NAMES.get(kind, str(kind))))
    return _problem(problems, path, text, "not-a-string" if kind is str else None)


def _load_union(kinds: tuple[Any, ...], data: Any, path: tuple[PathKey, ...], problems: list[Problem]) -> Any:
    if data is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    tagged = [kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)]
    if len(tagged) > 1 and isinstance(data, dict):
        by_tag = {get_args(_hints(kind)["kind"])[0]: kind for kind in tagged}
        if data.get("kind") in by_tag:
            return _load(by_tag[data["kind"]], data, path, problems)
        return _problem(
            problems,
            (*path, "kind"),
            tr("{value} is not one of {wanted}", value=_show(data.get("kind")), wanted=", ".join(by_tag)),
        )
    attempts: list[list[Problem]] = []
    for kind in kinds:
        attempt: list[Problem] = []
        value = _load(kind, data, path, attempt)
        if not attempt:
            return value
        attempts.append(attempt)
    # The alternative that got furthest into the data describes the mistake best.
    problems.extend(max(attempts, key=lambda attempt: max(len(problem.path) for problem in attempt)))
    return None


def _load_tuple(kind: Any, data: Any, path: tuple[PathKey, ...], problems: list[Problem]) -> Any:
    if not isinstance(data, list | tuple):
        return _problem(problems, path, tr("{value} is not a list", value=_show(data)))
    return tuple(_load(kind, item, (*path, index), problems) for index, item in enumerate(data))


def _load_mapping(kind: Any, data: Any, path: tuple[PathKey, ...], problems: list[Problem]) -> Any:
    if not isinstance(data, dict):
        return _problem(problems, path, tr("{value} is not a mapping", value=_show(data)))
    return {str(key): _load(kind, item, (*path, str(key)), problems) for key, item in data.items()}


def _load_dataclass(cls: type, data: Any, path: tuple[PathKey, ...], problems: list[Problem]) -> Any:
    if not isinstance(data, dict):
        return _problem(problems, path, tr("{value} is not a mapping", value=_show(data)))
    hints = _hints(cls)
    known = {field.name: field for field in fields(cls)}
    problems.extend(
        Problem((*path, str(key)), unknown_key(str(key), known), "unknown-key") for key in data if key not in known
    )
    before = len(problems)
    values: dict[str, Any] = {}
    for name, wanted in known.items():
        if name in data:
            values[name] = _load(hints[name], data[name], (*path, name), problems)
        elif wanted.default is MISSING and wanted.default_factory is MISSING:
            problems.append(Problem(path, tr("the key {name!r} is missing", name=name)))
    schema = known["schema"].default if "schema" in known else None
    if values.get("schema", schema) not in (schema, None):
        text = tr(
            "{value} is not a schema that this version reads ({schema})", value=_show(values["schema"]), schema=schema
        )
        problems.append(Problem((*path, "schema"), text))
    return cls(**values) if len(problems) == before else None


def unknown_key(key: str, known: Any) -> str:
    """Say that a key is unknown, and name the nearest known one where there is one."""
    from difflib import get_close_matches

    near = get_close_matches(key, list(known), n=1, cutoff=0.6)
    return tr("unknown key") + (tr("; did you mean {near!r}?", near=near[0]) if near else "")


def _problem(problems: list[Problem], path: tuple[PathKey, ...], text: str, kind: ProblemKind | None = None) -> None:
    problems.append(Problem(path, text, kind))


def _show(data: Any) -> str:
    text = json.dumps(data, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


_NAMES: dict[Any, str] = {
    str: mark("a string (write it in quotes)"),
    int: mark("a whole number"),
    float: mark("a number"),
    bool: mark("true or false"),
    type(None): "null",
}
