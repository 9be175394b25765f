"""What pydantic finds wrong, as problems in words for a person."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic_core import ErrorDetails

from torchup.answers.problems import did_you_mean, kind_of, not_a_string, shown
from torchup.answers.rules import SECTIONS
from torchup.answers.values import value_types
from torchup.model.serial import PathKey, Problem, unknown_key
from torchup.words import tr

Written = Callable[[tuple[PathKey, ...]], str | None]


def explain(detail: ErrorDetails, data: Any, written: Written) -> Problem:
    """Turn one finding of pydantic into a problem at a path of the data, in words for a person."""
    path = _path(detail["loc"], data)
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(path, _unknown(path), kind="unknown-key")
    if kind == "value_error":
        return Problem(path, str(context["error"]))
    if path == ("schema",):
        return Problem(
            path, tr("{written} is no version of this format; write 1", written=written(path) or kind_of(value))
        )
    if kind == "literal_error":
        expected = [str(choice) for choice in _literals(path)]
        text = written(path) or (value if isinstance(value, str) else kind_of(value))
        quoting = tr('; write it in quotes: "{text}"', text=text) if text in expected and text != value else ""
        near = did_you_mean(value, expected) if isinstance(value, str) else ""
        return Problem(
            path,
            tr(
                "{value} is not one of {expected}{quoting}",
                value=shown(text),
                expected=", ".join(expected),
                quoting=quoting or near,
            ),
        )
    if kind == "string_type":
        return Problem(path, not_a_string(value, written(path)))
    wanted = {
        "model_type": tr("a mapping; write its keys below it"),
        "dict_type": tr("a mapping of keys"),
        "list_type": tr("a list; write [a, b]"),
        "bool_type": tr("true or false"),
        "int_type": tr("a whole number"),
    }.get(kind, "")
    return Problem(
        path, tr("{value} is not {wanted}", value=kind_of(value), wanted=wanted) if wanted else detail["msg"]
    )


def _path(location: tuple[int | str, ...], data: Any) -> tuple[PathKey, ...]:
    """Drop pydantic's names for alternatives: keep what leads through the data."""
    path: list[PathKey] = []
    for step in location:
        inside = (isinstance(data, dict) and step in data) or (isinstance(data, list) and isinstance(step, int))
        if inside:
            path.append(step)
            data = data[step]
    return tuple(path)


def _literals(path: tuple[PathKey, ...]) -> tuple[Any, ...]:
    key = ".".join(step for step in path if isinstance(step, str))
    kind = value_types()[key]
    inside = isinstance(path[-1], int)
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if inside:
        options = tuple(get_args(option)[0] for option in options if get_origin(option) is tuple)
    words = (word for option in options if get_origin(option) is Literal for word in get_args(option))
    return tuple(words)


def _unknown(path: tuple[PathKey, ...]) -> str:
    key = str(path[-1])
    if len(path) > 1:
        return unknown_key(key, [name.partition(".")[2] for name in value_types() if name.startswith(f"{path[0]}.")])
    elsewhere = [name for name in value_types() if name.partition(".")[2] == key]
    if elsewhere and not get_close_matches(key, SECTIONS, cutoff=0.9):
        return tr("unknown key; did you mean {keys}?", keys=tr(" or ").join(map(repr, elsewhere)))
    return unknown_key(key, ["schema", *SECTIONS, "ask"])
