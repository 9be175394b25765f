"""The report of a verification, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from torchup.model.outcome import Check, CheckStatus, Report, Verdict
from torchup.ui.program import callable_here
from torchup.words import mark, tr

# The word always says it; the colour only repeats it.
_STYLES: dict[CheckStatus, str] = {
    "pass": "green",
    "warn": "yellow",
    "skip": "dim",
    "fail": "bold red",
    "error": "bold magenta",
    "timeout": "bold red",
}
_STATUS_WORDS: dict[CheckStatus, str] = {
    "pass": mark("pass"),
    "warn": mark("warn"),
    "skip": mark("skip"),
    "fail": mark("fail"),
    "error": mark("error"),
    "timeout": mark("timeout"),
}
_HEADLINES: dict[Verdict, tuple[str, str]] = {
    "pass": (mark("PASSED"), "bold green"),
    "degraded": (mark("DEGRADED"), "bold yellow"),
    "fail": (mark("FAILED"), "bold red"),
    "not-run": (mark("NOT PROVED"), "bold red"),
}
_EXPLAINED: tuple[CheckStatus, ...] = ("fail", "timeout", "error", "warn")
_ONCE = mark("installation")


def render(report: Report) -> RenderableType:
    """Draw the verdict, one table for the installation and each device, and what to do about each problem."""
    parts: list[RenderableType] = [_headline(report)]
    parts += [_top_warning(text) for text in top_warnings(report)]
    for device in devices_of(report):
        checks = [check for check in report.checks if check.gpu == device]
        parts += [Text(), Text(device_title(report, device), style="bold"), _table(checks)]
        left_out = [check for check in checks if not check.reached]
        if left_out:
            names = ", ".join(check.id for check in left_out)
            text = tr("Not reached, because {reason}: {names}", reason=left_out[0].sentence(), names=names)
            parts.append(Padding(Text(text, style="dim"), (0, 0, 0, 2)))
    problems = [check for check in report.checks if check.status in _EXPLAINED]
    for hint in dict.fromkeys(check.hint for check in problems):
        same = [check for check in problems if check.hint == hint]
        advice = (Padding(Text(line, overflow="fold"), (0, 0, 0, 2)) for line in _advice(hint, report))
        parts += [Text(), *map(_problem, same), *advice]
    return Group(*parts)


def _headline(report: Report) -> Text:
    word, style = _HEADLINES[report.verdict]
    what = f"torch {report.torch_version}" if report.torch_version else "torch"
    if report.devices:
        what = tr("{what} on {devices}", what=what, devices=", ".join(report.devices))
    return Text.assemble((tr(word), style), f"  {what} ({report.level}: {counted(report, tuple(_STYLES))})")


def status_word(status: CheckStatus, columns: int = 0) -> str:
    """Say how a check ended, with blanks up to so many columns of a terminal."""
    word = tr(_STATUS_WORDS[status])
    return word + " " * (columns - cell_len(word))


def counted(report: Report, statuses: tuple[CheckStatus, ...]) -> str:
    """Say how many checks ended in each way: `12 pass, 1 skip`."""
    counts = {status: sum(check.status == status for check in report.checks) for status in statuses}
    return ", ".join(f"{count} {status_word(status)}" for status, count in counts.items() if count)


def top_warnings(report: Report) -> tuple[str, ...]:
    """Give what a reader must see first: the report's own warnings, then what the checks warn of."""
    return tuple(
        dict.fromkeys([*report.warnings, *(check.sentence() for check in report.checks if check.status == "warn")])
    )


def _top_warning(text: str) -> Text:
    return Text.assemble((tr("warning"), "bold yellow"), f": {text}")


def devices_of(report: Report) -> list[str | None]:
    """List what was tested, the installation as a whole (None) first."""
    seen = dict.fromkeys(check.gpu for check in report.checks)
    return sorted(seen, key=lambda device: (device is not None, list(seen).index(device)))


def device_title(report: Report, device: str | None) -> str:
    """Name a device with what it is."""
    if device is None:
        return tr(_ONCE)
    described: list[dict[str, Any]] = report.environment.get("devices", [])
    found = next((entry for entry in described if entry.get("device") == device), {})
    known = [
        found.get("name"),
        tr("compute capability {capability}", capability=found["capability"])
        if found.get("capability")
        else found.get("gfx"),
        f"{found['memory_mib']} MiB" if found.get("memory_mib") else None,
    ]
    return f"{device}: {', '.join(text for text in known if text)}" if any(known) else device


def _table(checks: list[Check]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, width=7)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for check in checks:
        if not check.reached:
            continue
        word = Text(status_word(check.status), style=_STYLES[check.status])
        table.add_row(word, check.id, measured(check), Text(check.sentence(), style="dim"))
    return table


def measured(check: Check) -> str:
    """Write what a check measured beside its limit."""
    if not isinstance(check.value, float):
        return check.value or ""
    unit = tr(check.unit) if check.unit else ""
    if check.threshold is None or check.threshold == 0:
        return f"{_number(check.value)} {unit}".rstrip()
    if check.unit == "GPUs":
        return tr("{number} of {total}", number=_number(check.value), total=_number(check.threshold))
    if more_is_better(check.unit):
        relation = ">=" if check.value >= check.threshold else "<"
        unit = "" if check.unit == "accuracy" else unit
        return f"{_number(check.value)} {relation} {_number(check.threshold)} {unit}".rstrip()
    relation = "<=" if check.value <= check.threshold else ">"
    return f"{_number(check.value)} {relation} {_number(check.threshold)}"


def more_is_better(unit: str | None) -> bool:
    """Tell whether a number in this unit should be at least its reference: accuracies, counts and speeds."""
    unit = (unit or "").lower()
    return unit in ("accuracy", "gpus", "kernels") or "flop" in unit or unit.endswith("/s")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:  # noqa: PLR2004 - longer ones read better with an exponent
        return str(int(value))
    return f"{value:.2g}" if abs(value) < 0.01 else f"{value:.3g}"  # noqa: PLR2004 - two digits beside an exponent


def _problem(check: Check) -> Text:
    name = tr("{check} on {device}", check=check.id, device=check.gpu) if check.gpu else check.id
    return Text.assemble((status_word(check.status), _STYLES[check.status]), f" {name}: {check.sentence()}")


def _advice(hint: str | None, report: Report) -> Iterator[str]:
    if not hint:
        return
    cause = report.environment.get("causes", {}).get(hint)
    if cause is None:
        yield tr("hint: {text}", text=hint)
        return
    yield tr("cause: {title} ({name})", title=tr(cause["title"]), name=hint)
    for fix in cause["fix"]:
        yield tr("hint: {text}", text=tr(fix["do"]))
        yield from (f"      $ {callable_here(command)}" for command in fix["run"])
