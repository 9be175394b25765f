"""Reading and replacing single values of a request by dotted key, and reading them from plain text."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from torchup.answers.problems import shown
from torchup.model.request import Request
from torchup.words import tr

Value = str | int | bool | None | tuple[str | int, ...]

_CONDITIONS = ("<", ">", "==", "!=", "~=")
_PLACES = ("/", "~", "http://", "https://", "file://")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@cache
def value_types() -> dict[str, Any]:
    """Give the type of the value at every dotted key, in the order of the answers file."""
    types: dict[str, Any] = {}
    hints = get_type_hints(Request)
    for section in fields(Request):
        kind = hints[section.name]
        if section.name in ("schema", "origins"):
            continue
        if is_dataclass(kind):
            inner = get_type_hints(kind)
            types |= {f"{section.name}.{field.name}": inner[field.name] for field in fields(kind)}
        else:
            types[section.name] = kind
    return types


def value_at(request: Request, key: str) -> Value:
    """Give the value at a dotted key; raises AttributeError for an unknown one."""
    value: Any = request
    for name in key.split("."):
        value = getattr(value, name)
    return value  # type: ignore[no-any-return]


def with_value(request: Request, key: str, value: Value, origin: str) -> Request:
    """Give the request with another value at a dotted key, and where it came from."""
    section, _, name = key.partition(".")
    part: Any = replace(getattr(request, section), **{name: value}) if name else value
    changes: dict[str, Any] = {section: part, "origins": {**request.origins, key: origin}}
    return replace(request, **changes)


def parse_value(key: str, text: str) -> Value:
    """Read a value as it is written on a command line or in a variable, where everything is text.

    Lists are written with commas; an empty text or `null` is null where that is allowed. Only the form is
    looked at, and `torchup.answers.schema` checks the value. Raises ValueError for a text of the wrong form.
    """
    kind = value_types()[key]
    alternatives = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if type(None) in alternatives and text.strip() in ("", "null"):
        return None
    if bool in alternatives:
        if text.strip().lower() not in _TRUTH:
            raise ValueError(tr("{text} is not true or false", text=shown(text)))
        return _TRUTH[text.strip().lower()]
    listed = next((option for option in alternatives if get_origin(option) is tuple), None)
    if listed is None:
        return text
    words = [word for option in alternatives if get_origin(option) is Literal for word in get_args(option)]
    if text.strip() in words:
        return text.strip()
    items = split_list(text)
    takes_numbers = int in get_args(get_args(listed)[0])
    return tuple(int(item) if takes_numbers and item.isascii() and item.isdigit() else item for item in items)


def split_list(text: str) -> list[str]:
    """Give the items of a list written with commas, or in brackets as in YAML.

    A comma inside brackets or quotes separates nothing, nor does one before the next condition on a version: so
    `pandas[excel,html]>=2,<3` is one item.
    """
    text = text.strip()
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    items = [""]
    for part in inner.split(","):
        whole = _is_whole(items[-1]) and not part.lstrip().startswith(_CONDITIONS)
        if not items[-1].strip():
            items[-1] = part
        elif whole:
            items.append(part)
        else:
            items[-1] += f",{part}"
    return [bare for item in items if (bare := _unquoted(item.strip()))]


def _is_whole(item: str) -> bool:
    """Tell whether no bracket and no leading quote is open at the end; paths may hold single ones."""
    item = item.strip()
    if item[:1] in ("'", '"'):
        return len(item) > 1 and item.endswith(item[0])
    if item.startswith(_PLACES):
        return True
    return item.count("[") <= item.count("]") and item.count("(") <= item.count(")") and item.count('"') % 2 == 0


def _unquoted(item: str) -> str:
    return item[1:-1] if len(item) > 1 and item[0] in "'\"" and item.endswith(item[0]) else item


def write_value(value: Value) -> str:
    """Write a value for a person: lists with commas, `yes` and `no`, `none` for null."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
