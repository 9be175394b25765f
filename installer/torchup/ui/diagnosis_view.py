"""A diagnosis as a person reads it: the cause first, then the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from torchup.model.diagnosis import Diagnosis, LayerResult, LayerStatus
from torchup.ui.program import callable_here
from torchup.words import mark, tr

_STYLES: dict[LayerStatus, str] = {
    "ok": "green",
    "warn": "yellow",
    "degraded": "bold yellow",
    "blocker": "bold red",
    "not-reached": "dim",
    "skipped": "dim",
}
_WORDS: dict[LayerStatus, str] = {
    "ok": mark("ok"),
    "warn": mark("warn"),
    "degraded": mark("degraded"),
    "blocker": mark("broken"),
    "not-reached": mark("not reached"),
    "skipped": mark("skipped"),
}
_HEADLINES = {
    "ok": (mark("NOTHING FOUND"), "bold green", mark("nothing is wrong that could be found")),
    "degraded": (mark("DEGRADED"), "bold yellow", mark("it works, with limits")),
    "blocked": (mark("BROKEN"), "bold red", mark("something keeps torch from working")),
}


def render(diagnosis: Diagnosis) -> RenderableType:
    """Draw the status, what was found with its evidence and the fix, and a line for every layer."""
    word, style, meaning = _HEADLINES[diagnosis.status]
    parts: list[RenderableType] = [Text.assemble((tr(word), style), f"  {tr(meaning)}")]
    if diagnosis.python:
        parts.append(
            Text(
                tr("Looked at {python} ({chosen_by})", python=diagnosis.python, chosen_by=diagnosis.chosen_by),
                style="dim",
            )
        )
    return Group(*parts, render_causes(diagnosis.layers, diagnosis.causes), Text(), _layers(diagnosis))


def render_causes(layers: Sequence[LayerResult], causes: Mapping[str, Any]) -> RenderableType:
    """Draw every cause with its evidence, the reason and the fix, the worst first."""
    return Group(
        *(part for rank in ("blocker", "degraded", "warn") for layer in layers for part in _causes(layer, causes, rank))
    )


def _causes(layer: LayerResult, causes: Mapping[str, Any], rank: str) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for found in layer.found:
        cause = causes[found.cause]
        severity = found.severity or cause["severity"]
        if severity != rank:
            continue
        style = _STYLES["blocker" if rank == "blocker" else "warn"]
        parts += [Text(), Text.assemble((tr(cause["title"]), style), (f"  [{layer.name}: {found.cause}]", "dim"))]
        parts += [_indented(line, 2, "dim") for line in found.evidence]
        parts.append(_indented(tr("why: {text}", text=tr(cause["why"])), 2))
        for fix in cause["fix"]:
            parts.append(_indented(tr("fix: {text}", text=tr(fix["do"])), 2))
            parts += [_indented(f"$ {callable_here(command)}", 7, "bold") for command in fix["run"]]
    return parts


def _indented(text: str, spaces: int, style: str = "") -> RenderableType:
    return Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, spaces))


def _layers(diagnosis: Diagnosis) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, width=11)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for layer in diagnosis.layers:
        word = Text(tr(_WORDS[layer.status]), style=_STYLES[layer.status])
        table.add_row(layer.name, word, Text(layer.detail, style="dim"))
    return table
