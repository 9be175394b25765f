"""The compatibility matrix as a grid for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from torchup.knowledge.chips import architecture_of
from torchup.knowledge.matrix import Matrix, MatrixRow, Served
from torchup.knowledge.variants import parse_variant
from torchup.model.versions import ComputeCapability
from torchup.words import mark, tr

# Wider than this the grid would not fit into 80 columns, so the generations stand in.
_MOST_SPELLED_OUT = 3
_PLATFORM_NAMES = {
    "linux_x86_64": "Linux x86_64",
    "linux_aarch64": "Linux aarch64",
    "windows_amd64": "Windows x64",
    "windows_arm64": mark("Windows on Arm"),
    "macos_x86_64": mark("macOS on Intel"),
    "macos_arm64": mark("macOS on Apple silicon"),
}


@dataclass(frozen=True, slots=True)
class _Generation:
    short: str
    name: str
    holds: Callable[[ComputeCapability], bool]


def _architecture(name: str) -> Callable[[ComputeCapability], bool]:
    return lambda capability: capability not in _JETSON and architecture_of(capability) == name


_ORIN = ComputeCapability(8, 7)
_THOR = ComputeCapability(11, 0)
_JETSON = (_ORIN, _THOR)
_GENERATIONS = (
    _Generation("Ke", "Kepler", _architecture("kepler")),
    _Generation("Mx", "Maxwell", _architecture("maxwell")),
    _Generation("Pa", "Pascal", _architecture("pascal")),
    _Generation("Vo", "Volta", _architecture("volta")),
    _Generation("Tu", "Turing", _architecture("turing")),
    _Generation("Am", "Ampere", _architecture("ampere")),
    _Generation("Or", "Jetson Orin", lambda capability: capability == _ORIN),
    _Generation("Ad", "Ada", _architecture("ada")),
    _Generation("Ho", "Hopper", _architecture("hopper")),
    _Generation("Bl", "Blackwell", _architecture("blackwell")),
    _Generation("Ru", "Rubin", _architecture("rubin")),
    _Generation("Th", "Jetson Thor", lambda capability: capability == _THOR),
)


def render(matrix: Matrix, width: int = 80) -> RenderableType:
    """Lay the matrix out for a terminal of this many columns; from 80 columns on every cell is shown whole."""
    parts: list[RenderableType] = [Text(_title(matrix), style="bold"), *map(Text, matrix.notes)]
    cuda = [row for row in matrix.rows if row.kind == "cuda"]
    others = [row for row in matrix.rows if row.kind != "cuda"]
    if cuda:
        spelled_out = matrix.gpu is not None and len(matrix.capabilities) <= _MOST_SPELLED_OUT
        parts += [
            Text(),
            _by_capability(cuda) if spelled_out else _by_generation(cuda),
            *_legend(cuda, spelled_out, width),
        ]
    if others:
        parts += [Text(), _others(others)]
    if any(row.gfx for row in others):
        parts += [Text(), _gfx_targets(others)]
    if not matrix.rows:
        parts += [Text(), Text(tr("No build fits."), style="bold")]
    return Constrain(Group(*parts), width)


def _title(matrix: Matrix) -> str:
    asked = [
        f"torch {matrix.torch}" if matrix.torch else "",
        f"GPU {matrix.gpu}" if matrix.gpu else "",
        tr("driver {version}", version=matrix.driver) if matrix.driver else "",
    ]
    what = ", ".join(part for part in asked if part)
    title = tr(
        "PyTorch builds for {platform}, tables of {date}",
        platform=tr(_PLATFORM_NAMES[matrix.platform]),
        date=matrix.as_of,
    )
    return f"{title}\n{what}" if what else title


def _by_generation(rows: Sequence[MatrixRow]) -> Table:
    generations = _generations(rows)
    table = _table("torch", tr("build"), tr("driver >="), "Python", *(generation.short for generation in generations))
    for row, torch in _with_repeats_blank(rows):
        cells = [_coverage(row.serves, generation) for generation in generations]
        table.add_row(torch, *_common(row), *cells)
    return table


def _generations(rows: Sequence[MatrixRow]) -> list[_Generation]:
    asked = [ComputeCapability.parse(served.compute_capability) for served in rows[0].serves]
    return [generation for generation in _GENERATIONS if any(map(generation.holds, asked))]


def _by_capability(rows: Sequence[MatrixRow]) -> Table:
    capabilities = [served.compute_capability for served in rows[0].serves]
    table = _table(
        "torch", tr("build"), tr("driver >="), "Python", *(f"CC {capability}" for capability in capabilities)
    )
    for row, torch in _with_repeats_blank(rows):
        table.add_row(torch, *_common(row), *(served.by or "-" for served in row.serves))
    return table


def _common(row: MatrixRow) -> tuple[str, str, str]:
    doubt = "?" if row.uncertain else ""
    return f"{row.variant}{doubt}", row.driver_minimum or "?", pythons_in_short(row.pythons)


def _coverage(serves: Sequence[Served], generation: _Generation) -> str:
    own = [served.by for served in serves if generation.holds(ComputeCapability.parse(served.compute_capability))]
    native = sum(1 for by in own if by and by.startswith("sm_"))
    if native == len(own):
        return "x"
    if native:
        return "/"
    return "p" if any(own) else "."


def _legend(rows: Sequence[MatrixRow], spelled_out: bool, width: int) -> list[RenderableType]:
    lines = []
    if spelled_out:
        lines.append(tr("sm_NN: native code   compute_NN: PTX, compiled at first use   -: does not run"))
    else:
        lines.append(tr("x: native code   /: part of the generation   p: PTX only   .: does not run"))
        lines += _flow((f"{generation.short} {generation.name}" for generation in _generations(rows)), width)
    if any(row.uncertain for row in rows):
        lines.append(tr("?: uncertain: only announced, or taken from a neighbouring build"))
    return [Text(line, style="dim") for line in lines]


def _flow(names: Iterable[str], width: int) -> list[str]:
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= width:
            lines[-1] += f"  {name}"
        else:
            lines.append(name)
    return lines


def _others(rows: Sequence[MatrixRow]) -> Table:
    table = _table("torch", "Python", tr("other builds"))
    by_torch: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        by_torch.setdefault((row.torch, row.pythons), []).append(row.variant)
    for (torch, pythons), variants in by_torch.items():
        table.add_row(torch, pythons_in_short(pythons), " ".join(variants))
    return table


def _gfx_targets(rows: Sequence[MatrixRow]) -> Table:
    table = _table("ROCm", tr("gfx targets"))
    table.columns[-1].no_wrap = False
    # Rows come newest torch first, and the newest torch on an index has the most targets.
    targets: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.gfx:
            targets.setdefault(row.variant, row.gfx)
    for variant in sorted(targets, key=lambda name: parse_variant(name).version, reverse=True):
        table.add_row(parse_variant(variant).number, " ".join(gfx.removeprefix("gfx") for gfx in targets[variant]))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _with_repeats_blank(rows: Sequence[MatrixRow]) -> list[tuple[MatrixRow, str]]:
    before = ["", *(row.torch for row in rows)]
    return [(row, "" if row.torch == last else row.torch) for row, last in zip(rows, before, strict=False)]


def pythons_in_short(pythons: Sequence[str]) -> str:
    """Write a list of interpreters in short: `3.10-3.15, 3.14t-15t`."""
    plain = [python for python in pythons if not python.endswith("t")]
    free_threaded = [python for python in pythons if python.endswith("t")]
    return ", ".join(_runs(plain) + _runs(free_threaded))


def _runs(pythons: Sequence[str]) -> list[str]:
    runs: list[list[str]] = []
    for python in pythons:
        if runs and _minor(python) == _minor(runs[-1][-1]) + 1:
            runs[-1].append(python)
        else:
            runs.append([python])
    return [run[0] if len(run) == 1 else f"{run[0]}-{_end(run[-1])}" for run in runs]


def _end(python: str) -> str:
    # Two full names of free-threaded builds would not leave room for the grid.
    return python.partition(".")[2] if python.endswith("t") else python


def _minor(python: str) -> int:
    return int(python.removesuffix("t").partition(".")[2])
