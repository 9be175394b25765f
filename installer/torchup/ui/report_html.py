"""The report as one page for a browser: self-contained, fit for printing and for attaching to a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from torchup import __version__
from torchup.model.outcome import Check, CheckStatus, Report, Verdict
from torchup.shell.templates import template_root
from torchup.ui.report_view import counted, device_title, devices_of, measured, more_is_better, status_word
from torchup.visible import visible
from torchup.words import mark, tr

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATE = "report.html.j2"
_VERDICTS: dict[Verdict, tuple[str, str]] = {
    "pass": (mark("Passed"), mark("Everything that was tested computes as it should.")),
    "degraded": (mark("Degraded"), mark("It computes correctly, with the limits named below.")),
    "fail": (mark("Failed"), mark("Something computes wrongly, crashes, hangs, or is not what was planned.")),
    "not-run": (mark("Not proved"), mark("Nothing failed, and nothing was computed that would prove it works.")),
}
_PROBLEMS: tuple[CheckStatus, ...] = ("fail", "timeout", "error", "warn")
_MACHINE = {"os": mark("System"), "context": mark("Surroundings"), "nvidia": mark("Driver"), "space": mark("Space")}
_LISTS = {"gpus": mark("GPUs"), "toolkits": mark("CUDA toolkits"), "findings": mark("Findings")}
# What the template says, by the names that it uses: texts are collected from here, and not from a template.
_SAID = {
    "language": mark("en"),  # the `lang` of the page
    "not-loaded": mark("torch not loaded"),
    "on": mark(" on {device}"),
    "level": mark("level {level}"),
    "warning": mark("Warning:"),
    "problems": mark("What is wrong, and what to do"),
    "no-detail": mark("no detail"),
    "seen-in": mark("Seen in: {sources}"),
    "result": mark("Result"),
    "check": mark("Check"),
    "measured": mark("Measured"),
    "detail": mark("Detail"),
    "not-reached": mark("Not reached, because {reason}: {names}"),
    "environment": mark("Environment"),
    "about": mark(
        "The line across a bar is the limit or the reference of the check. Made by torchup {version}; "
        "checks and limits are explained in its documentation."
    ),
}
# The limit stands at this share of a bar's length, so that what goes beyond it shows.
_LIMIT_AT = 0.75
_BAR_LENGTH = 120.0
_THINNEST = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A measured number against its reference: the lengths in the drawing, and the same in words."""

    length: float
    limit: float
    good: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check as a row of a table."""

    check: Check
    measured: str
    bar: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What did not pass for one cause: the checks, and what the catalogue knows about it."""

    checks: tuple[Check, ...]
    hint: str | None
    cause: Mapping[str, Any] | None
    seen: tuple[str, ...] = ()


def report_page(report: Report, *, made: datetime) -> str:
    """Write the page; everything in it that the machine said is escaped, and no character of it is hidden."""
    word, meaning = _VERDICTS[report.verdict]
    return visible(
        _environment()
        .get_template(_TEMPLATE)
        .render(
            report=report,
            version=__version__,
            made=made.strftime("%Y-%m-%d %H:%M %Z"),
            tr=tr,
            say=_say,
            word=tr(word),
            meaning=tr(meaning),
            status_word=status_word,
            counted=counted(report, ("pass", *_PROBLEMS, "skip")),
            warnings=report.warnings,
            measured=measured,
            problems=tuple(_problems(report)),
            tables=tuple(_tables(report)),
            sections=tuple(_sections(report)),
        )
    )


def _say(name: str, **values: object) -> str:
    return tr(_SAID[name], **values)


def bar_of(check: Check) -> Bar | None:
    """Draw a number against its limit; None for a check without both."""
    value, limit = check.value, check.threshold
    if not isinstance(value, float) or not limit or limit < 0 or value < 0:
        return None
    share = value / limit
    length = max(_THINNEST, min(share * _LIMIT_AT, 1.0) * _BAR_LENGTH)
    words = (
        tr("{share:.0%} of the reference", share=share)
        if more_is_better(check.unit)
        else tr("{share:.1%} of the limit", share=share)
    )
    return Bar(length=round(length, 1), limit=_LIMIT_AT * _BAR_LENGTH, good=check.status == "pass", words=words)


def _problems(report: Report) -> Iterator[Problem]:
    failing = [check for check in report.checks if check.status in _PROBLEMS]
    causes = report.environment.get("causes", {})
    worst_first = sorted(failing, key=lambda check: _PROBLEMS.index(check.status))
    for hint in dict.fromkeys(check.hint for check in worst_first):
        checks = tuple(check for check in failing if check.hint == hint)
        cause = causes.get(hint)
        seen = tuple(source for source in (cause or {}).get("sources", ()) if "own design" not in source)
        yield Problem(checks=checks, hint=hint, cause=cause, seen=seen)


def _tables(report: Report) -> Iterator[tuple[str, tuple[Row, ...], str, tuple[str, ...]]]:
    for device in devices_of(report):
        checks = [check for check in report.checks if check.gpu == device]
        left_out = [check for check in checks if not check.reached]
        rows = tuple(
            Row(check=check, measured=measured(check), bar=bar_of(check)) for check in checks if check not in left_out
        )
        reason = left_out[0].sentence() if left_out else ""
        title = tr("Installation") if device is None else device_title(report, device)
        yield title, rows, reason, tuple(check.id for check in left_out)


def _sections(report: Report) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Give the environment as titled tables of names and values."""
    known = report.environment
    simple = {name: value for name, value in known.items() if not isinstance(value, dict | list) and value is not None}
    yield tr("Tested"), tuple(_pairs({"interpreter": report.python, "level": report.level, **simple}))
    machine = known.get("machine") or {}
    for name, title in _MACHINE.items():
        yield tr(title), tuple(_pairs(machine.get(name) or {}))
    for name, title in _LISTS.items():
        yield tr(title), tuple(_listed(machine.get(name) or []))
    yield tr("Variables of the test"), tuple(_pairs(known.get("variables") or {}))
    for shell, found in (known.get("shells") or {}).items():
        if isinstance(found, dict):
            yield (
                tr("What {shell} knows", shell=shell),
                tuple(_pairs({**found.get("programs", {}), **found.get("variables", {})})),
            )


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if value is None or value in ("", [], {}):
            continue
        yield str(name), ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _listed(values: list[Any]) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(values):
        if isinstance(value, dict):
            name = value.get("code") or value.get("name") or value.get("path") or number
            rest = {key: item for key, item in value.items() if item is not None and item not in (name, "")}
            yield (
                str(name),
                ", ".join(str(item) if key in ("text", "evidence") else f"{key} {item}" for key, item in rest.items()),
            )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def source(name: str) -> str | None:
        file = template_root().joinpath(name)
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return Environment(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
