"""The shell configuration as a person reads it: what goes where, and what the shells then know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from torchup.model.outcome import Check
from torchup.plan.shell_steps import ShellPlan
from torchup.shell.diagnosis import StartupFinding
from torchup.ui.program import callable_here
from torchup.ui.report_view import status_word
from torchup.words import tr

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_COLOURS = {"pass": "green", "skip": "dim", "warn": "yellow"}

Differences = Mapping[str, Sequence[str]]


def render_show(
    planned: ShellPlan,
    changes: Differences,
    findings: Sequence[StartupFinding],
    suggested: Differences,
    about: Sequence[str] = (),
) -> RenderableType:
    """Show each file's change as a difference, the reasons, and what may get in the way."""
    parts: list[RenderableType] = [_difference(lines) for lines in changes.values()]
    if not changes:
        parts.append(Text(tr("Everything is written already: nothing would change.\n")))
    parts += [_prose(f"{file.path}: {file.why}") for file in planned.choice.files]
    parts += [_prose(text) for text in about]
    return Group(*parts, *_reasons(planned), *_findings(findings, suggested))


def render_done(
    planned: ShellPlan,
    checks: Sequence[Check],
    changed: Sequence[str],
    findings: Sequence[StartupFinding],
    suggested: Differences,
    use_now: str | None,
) -> RenderableType:
    """Show the end of a run: what changed, what the shells know, and how to use it in the shell at hand."""
    parts: list[RenderableType] = []
    parts.append(
        _line("\n".join([tr("Changed:"), *(f"  {path}" for path in changed)]) if changed else tr("Nothing to do."))
    )
    parts += [*_checks(checks), *_reasons(planned), *_findings(findings, suggested)]
    if use_now:
        parts += [Text(tr("\nIn this shell, now"), style="bold"), _line(f"  {use_now}")]
    if changed:
        parts += [Text(tr("\nTo take it back"), style="bold"), _line(callable_here("  torchup undo"))]
    return Group(*parts)


def render_removed(changes: Differences, *, dry_run: bool) -> RenderableType:
    """Show what was taken out, or with `dry_run` what would be."""
    if not changes:
        return Text(tr("Nothing to do."))
    if dry_run:
        return Group(*(_difference(lines) for lines in changes.values()))
    return _line("\n".join([tr("Changed:"), *(f"  {path}" for path in changes)]))


def render_check(checks: Sequence[Check], findings: Sequence[StartupFinding], suggested: Differences) -> RenderableType:
    """Show what each started shell knew."""
    return Group(*_checks(checks), *_findings(findings, suggested))


def _checks(checks: Sequence[Check]) -> list[RenderableType]:
    lines = [
        Text.assemble(
            (status_word(check.status, 5), _COLOURS.get(check.status, "red")),
            f" {check.id}: {check.detail}",
            overflow="ignore",
        )
        for check in checks
    ]
    hints = dict.fromkeys(check.hint for check in checks if check.hint and check.status != "pass")
    return [*lines, *(_prose(tr("hint: {text}", text=callable_here(hint))) for hint in hints)]


def _reasons(planned: ShellPlan) -> list[RenderableType]:
    parts: list[RenderableType] = [
        _prose(tr("{shell}: left out, {reason}", shell=item.shell, reason=item.reason))
        for item in planned.choice.skipped
    ]
    parts += [_prose(text) for text in (*planned.choice.notes, planned.library_path.reason.text)]
    if planned.choice.left_out:
        parts.append(Text(tr("\nNot done"), style="bold red"))
        parts += [_prose(text) for text in planned.choice.left_out]
    for item in planned.by_hand:
        text = (
            tr("\nTo add to {path} yourself ({shell}: {why})", path=item.path, shell=item.shell, why=item.why)
            if item.path
            else tr("\nTo add yourself ({shell}: {why})", shell=item.shell, why=item.why)
        )
        parts.append(_prose(text, "bold"))
        parts.append(_line("\n".join(f"  {line}" for line in item.lines)))
    return parts


def _findings(findings: Sequence[StartupFinding], suggested: Differences) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if findings:
        parts.append(Text(tr("\nIn your start-up files"), style="bold"))
    for finding in findings:
        where = f"{finding.path}:{finding.line}" if finding.line else finding.path
        parts.append(_prose(f"{where}: {finding.text}"))
        if finding.evidence and finding.line:
            parts.append(_line(f"    {finding.evidence}"))
    if suggested:
        parts.append(Text(tr("\nA change that you may make by hand (torchup does not)"), style="bold"))
        parts += [_difference(lines) for lines in suggested.values()]
    return parts


def _difference(lines: Sequence[str]) -> RenderableType:
    # A diff is there to be copied, so no line of it is broken or indented.
    head = [_line(line, "bold") for line in lines[:2]]
    body = [_line(line, _STYLES.get(line[:1], "")) for line in lines[2:]]
    return Group(*head, *body, Text(""))


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def _prose(text: str, style: str = "") -> Text:
    # It is broken between words only: a path in it stays whole.
    return Text(text, style=style, overflow="ignore")
