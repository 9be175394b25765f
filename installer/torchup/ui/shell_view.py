"""The shell configuration as a person reads it: what goes where, and what the shells then know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from torchup.model.outcome import Check
from torchup.plan.shell_steps import ShellPlan
from torchup.shell.diagnosis import StartupFinding

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render_show(
    planned: ShellPlan, changes: Mapping[str, tuple[str, ...]], findings: Sequence[StartupFinding]
) -> RenderableType:
    """Show each file's change as a difference, the reason for LD_LIBRARY_PATH, and what may get in the way."""
    parts: list[RenderableType] = []
    for path, lines in changes.items():
        parts.append(Text(path, style="bold"))
        parts.append(Padding(Group(*(Text(line, style=_STYLES.get(line[:1], "")) for line in lines[2:])), (0, 0, 1, 2)))
    if not changes:
        parts.append(Text("Everything is written already: nothing would change.\n"))
    parts += [Text(f"{file.path}: {file.why}") for file in planned.choice.files]
    parts += [Text(f"{skipped.shell}: left out, {skipped.reason}") for skipped in planned.choice.skipped]
    parts += [Text(note) for note in planned.choice.notes]
    parts.append(Text(planned.library_path.reason.text))
    return Group(*parts, *_findings(findings))


def render_check(checks: Sequence[Check], findings: Sequence[StartupFinding]) -> RenderableType:
    """Show what each started shell knew."""
    lines = [
        Text.assemble(
            (f"{check.status:<5}", "green" if check.status == "pass" else "yellow"), f" {check.id}: {check.detail}"
        )
        for check in checks
    ]
    hints = dict.fromkeys(check.hint for check in checks if check.hint and check.status != "pass")
    return Group(*lines, *(Text(f"hint: {hint}") for hint in hints), *_findings(findings))


def _findings(findings: Sequence[StartupFinding]) -> list[RenderableType]:
    if not findings:
        return []
    lines = (Text(f"{finding.path}:{finding.line}: {finding.text}") for finding in findings)
    return [Text("\nIn your start-up files", style="bold"), *lines]
