"""A resolution for a person: what was picked, why, what to watch out for, and what to do first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torchup.model.resolution import DriverDecision, NextStep, Resolution, ToolkitDecision, TorchPick
from torchup.ui.program import callable_here
from torchup.words import mark, tr

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_HEADLINES = {
    "ok": (mark("This can be installed now"), "bold green"),
    "action_needed": (mark("Something has to be done first"), "bold yellow"),
    "no_solution": (mark("No build fits"), "bold red"),
}
_DRIVER = {
    "keep": mark("stays as it is"),
    "install": mark("to be installed"),
    "upgrade": mark("to be upgraded"),
    "reboot": mark("to be reloaded: reboot"),
    "host": mark("comes from outside this system"),
}


def render(resolution: Resolution) -> RenderableType:
    """Lay the decision out for a terminal of any width; colour only repeats what the words say."""
    from rich.console import Group
    from rich.text import Text

    headline, style = _headline(resolution)
    pick = resolution.torch
    if pick is None:
        what = tr("{headline}.", headline=headline)
    elif resolution.status != "ok":
        what = tr("{headline}; then: {build}.", headline=headline, build=_build(pick))
    else:
        what = tr("{headline}: {build}.", headline=headline, build=_build(pick))
    parts: list[RenderableType] = [Text(what, style=style)]
    facts = [*_pick_rows(pick), *_driver_rows(resolution.driver), *_toolkit_rows(resolution.cuda_toolkit)]
    if facts:
        parts += [Text(), _columns([(name, Text(text)) for name, text in facts])]
    parts += _section(tr("Why"), [reason.text for reason in resolution.reasons])
    parts += _section(tr("Watch out"), [warning.text for warning in resolution.warnings], style="yellow")
    parts += _steps(
        tr("What to do first") if resolution.status == "action_needed" else tr("What would help"), resolution.next_steps
    )
    if resolution.rejected:
        parts += [Text(), Text(tr("Not taken"), style="bold"), _rejected(resolution)]
    parts += [
        Text(),
        Text(tr("Compatibility facts as of {date}.", date=resolution.facts_as_of), style="dim"),
    ]
    return Group(*parts)


def one_line(resolution: Resolution) -> str:
    """Say the decision in one line, as a wizard or a log needs it."""
    headline, _ = _headline(resolution)
    return f"{headline}: {_build(resolution.torch)}" if resolution.torch else headline


def planned_line(resolution: Resolution) -> str:
    """Say in one line what is going to be done: the driver first where it is to be changed, then the build."""
    if resolution.status == "ok" or resolution.torch is None:
        return one_line(resolution)
    driver = resolution.driver
    build = _build(resolution.torch)
    if driver.action == "reboot":
        return tr("First a restart, then {build}", build=build)
    words = [tr("branch {branch}", branch=driver.branch)] if driver.branch else []
    words += [tr("{module} kernel module", module=driver.module)] if driver.module else []
    return tr("First the NVIDIA driver ({words}) and a restart, then {build}", words=", ".join(words), build=build)


def _headline(resolution: Resolution) -> tuple[str, str]:
    """Give the headline and its style; what only the snapshot offers is not said to be installable now."""
    text, style = _HEADLINES[resolution.status]
    by_snapshot = resolution.torch is not None and any(wheel.source == "snapshot" for wheel in resolution.torch.wheels)
    if resolution.status == "ok" and by_snapshot:
        return tr("This fits, as of {date}", date=resolution.facts_as_of), style
    return tr(text), style


def _build(pick: TorchPick) -> str:
    return tr(
        "torch {version}+{variant} on Python {python}",
        version=pick.version,
        variant=pick.variant,
        python=pick.python,
    )


def _pick_rows(pick: TorchPick | None) -> list[tuple[str, str]]:
    if pick is None:
        return []
    packages = ", ".join(f"{name} {version}" for name, version in pick.packages.items())
    rows = [("torch", tr("{version}, build {variant}", version=pick.version, variant=pick.variant))]
    rows += [(tr("with it"), packages)] if packages else []
    origin = pick.python_path or tr("brought by uv")
    rows.append(("Python", f"{pick.python} ({origin})"))
    rows.append((tr("from"), pick.index))
    return rows


def _driver_rows(driver: DriverDecision) -> list[tuple[str, str]]:
    if driver.action == "none":
        return []
    text = tr(_DRIVER[driver.action])
    if driver.branch:
        words = [tr("branch {branch}", branch=driver.branch)]
        words += [tr("{module} kernel module", module=driver.module)] if driver.module else []
        text += f": {', '.join(words)}"
    notes = [
        tr("found {version}", version=driver.installed) if driver.installed else "",
        tr("needed {version}", version=driver.minimum) if driver.minimum else "",
    ]
    told = ", ".join(note for note in notes if note)
    return [(tr("NVIDIA driver"), f"{text} ({told})" if told else text)]


def _toolkit_rows(toolkit: ToolkitDecision) -> list[tuple[str, str]]:
    if toolkit.source == "none":
        return []
    return [(tr("CUDA toolkit"), " ".join(part for part in (toolkit.source, toolkit.version, toolkit.path) if part))]


def _columns(rows: Iterable[tuple[str, Text]], gap: int = 2) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, gap), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(f"  {name}", text)
    return table


def _section(title: str, sentences: list[str], style: str = "") -> list[RenderableType]:
    from rich.text import Text

    if not sentences:
        return []
    rows = [("-", Text(sentence, style=style)) for sentence in sentences]
    return [Text(), Text(title, style="bold"), _columns(rows, gap=1)]


def _steps(title: str, steps: tuple[NextStep, ...]) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    if not steps:
        return []
    parts: list[RenderableType] = [Text(), Text(title, style="bold")]
    for number, step in enumerate(steps, 1):
        parts.append(_columns([(f"{number}.", Text(step.text))], gap=1))
        parts += [
            Padding(Text(callable_here(command), style="cyan", overflow="fold"), (0, 0, 0, 6))
            for command in step.commands
        ]
    return parts


def _rejected(resolution: Resolution) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("torch", no_wrap=True)
    table.add_column(tr("build"), no_wrap=True)
    table.add_column(tr("why not"), overflow="fold")
    for rejection in resolution.rejected:
        table.add_row(rejection.version, rejection.variant, Text(rejection.text))
    return table
