"""Single answers from the command line (`--set KEY=VALUE`) and from `TORCHUP_SET_*` variables, over those of a file.

`--set` wins over a variable, and a variable over the file. Every value keeps its origin, so that a conflict that
shows later can name it. The names that variables had before, without `SET_`, are still read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from torchup.answers.problems import answers_invalid, clean, did_you_mean
from torchup.answers.rules import SECTIONS
from torchup.answers.values import parse_value, value_at, value_types, with_value, write_value
from torchup.model.request import Request
from torchup.model.serial import PathKey, dump
from torchup.own_variables import ANSWERS, PREFIX, is_own
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One override: its key, its value as text, and what it is called in messages."""

    key: str
    text: str
    origin: str


def variable_name(key: str) -> str:
    """Give the environment variable of a dotted key: `TORCHUP_SET_TORCH_VERSION` for `torch.version`."""
    return ANSWERS + key.replace(".", "_").upper()


def former_name(key: str) -> str:
    """Give the name that the variable of a key had before, `TORCHUP_TORCH_VERSION`; it is still read."""
    return PREFIX + key.replace(".", "_").upper()


def apply_overrides(
    request: Request, *, settings: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Request:
    """Put the values of `settings` (`torch.version=2.13.0`) and of `environ` over those of `request`.

    Raises UsageError `answers-invalid` that names every unknown key, wrong value, and key that is set twice.
    """
    problems: list[str] = []
    found = [*_from_environment(environ or {}, problems), *_from_settings(settings, problems)]
    merged = request
    for setting in found:
        try:
            merged = with_value(merged, setting.key, parse_value(setting.key, setting.text), setting.origin)
        except ValueError as error:
            problems.append(_problem(setting.origin, setting.key, str(error)))
    if found and not problems:
        merged = _checked(merged, problems)
    if problems:
        raise answers_invalid(
            tr("What was set on the command line or in the environment"), tuple(problems), len(problems)
        )
    return merged


def replaced(before: Request, after: Request) -> tuple[str, ...]:
    """Say which answers of a file another origin overruled, one sentence each."""
    return tuple(
        tr(
            "{key}: {new} ({new_origin}) replaces {old} ({old_origin})",
            key=key,
            new=write_value(value_at(after, key)),
            new_origin=origin,
            old=write_value(value_at(before, key)),
            old_origin=before.origins[key],
        )
        for key, origin in after.origins.items()
        if before.origins.get(key, origin) != origin and value_at(before, key) != value_at(after, key)
    )


def _checked(merged: Request, problems: list[str]) -> Request:
    from torchup.answers.schema import validate

    data = {key: value for key, value in dump(merged).items() if key != "origins"}
    checked, found = validate(data)
    for problem in found:
        key = _key_of(problem.path)
        origin = merged.origins.get(key, tr("the defaults"))
        problems.append(_problem(origin, key, problem.text))
    return merged if checked is None else replace(checked, origins=merged.origins)


def _problem(origin: str, key: str, text: str) -> str:
    return clean(f"{origin}: {text}" if origin.endswith(f" {key}") else f"{origin}: {key}: {text}")


def _key_of(path: tuple[PathKey, ...]) -> str:
    return ".".join(step for step in path if isinstance(step, str))


def _from_settings(settings: Sequence[str], problems: list[str]) -> Iterator[Setting]:
    seen: dict[str, str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        origin = f"--set {key}"
        if not equals:
            problems.append(clean(tr("{origin}: write it as KEY=VALUE, such as torch.version=2.13.0", origin=origin)))
        elif key not in value_types():
            problems.append(clean(tr("{origin}: unknown key{nearest}", origin=origin, nearest=_nearest(key))))
        elif seen.get(key, text) != text:
            problems.append(
                clean(
                    tr(
                        "{origin}: set twice, to {first} and to {second}",
                        origin=origin,
                        first=_told(seen[key]),
                        second=_told(text),
                    )
                )
            )
        else:
            if key not in seen:
                yield Setting(key=key, text=text, origin=origin)
            seen[key] = text


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[Setting]:
    """Read the variables that name a key, in the order of their names; a former name yields to the present one.

    Whatever is unknown behind `TORCHUP_SET_` is a mistake. Others of the prefix are one only where they look like a
    former name, and never where torchup itself exports or reads them.
    """
    present = {variable_name(key): key for key in value_types()}
    former = {former_name(key): key for key in value_types() if not is_own(former_name(key))}
    for name in sorted(environ):
        if name in present:
            yield Setting(key=present[name], text=environ[name], origin=name)
        elif name.startswith(ANSWERS):
            rest = [known.removeprefix(ANSWERS) for known in present]
            near = get_close_matches(name.removeprefix(ANSWERS), rest, n=1, cutoff=0.6)
            problems.append(_unknown(name, [ANSWERS + word for word in near]))
        elif name in former:
            if variable_name(former[name]) not in environ:
                yield Setting(key=former[name], text=environ[name], origin=name)
        elif name.startswith(PREFIX) and not is_own(name):
            looks_so = name.startswith(tuple(f"{PREFIX}{section.upper()}_" for section in SECTIONS))
            near = get_close_matches(name, former, n=1, cutoff=0.6 if looks_so else 0.88)
            if near or looks_so:
                problems.append(_unknown(name, [variable_name(former[word]) for word in near]))


def _unknown(name: str, near: Sequence[str]) -> str:
    hint = tr("; did you mean {near}?", near=near[0]) if near else ""
    return clean(tr("{name}: unknown key{hint}", name=name, hint=hint))


def _nearest(key: str) -> str:
    elsewhere = [known for known in value_types() if known.partition(".")[2] == key]
    if elsewhere:
        return tr("; did you mean {keys}?", keys=tr(" or ").join(map(repr, elsewhere)))
    return did_you_mean(key, value_types())


def _told(text: str) -> str:
    return tr("a text") if "@" in text else repr(text)
