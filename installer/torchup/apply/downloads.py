"""How far uv's downloads are, read from the bars that it draws on a terminal: it tells it nowhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
# `torch    ------------------------------ 10.27 MiB/780.10 MiB`; the bar's signs depend on the terminal.
_BAR = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s+[-─━█░▒▓#=> ]*\s"
    r"(?P<got>\d+(?:\.\d+)?) (?P<got_unit>[KMGT]?i?B)/(?P<all>\d+(?:\.\d+)?) (?P<all_unit>[KMGT]?i?B)"
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """What has arrived and what the downloads seen so far amount to, both in bytes."""

    received: int
    total: int


@dataclass(slots=True)
class DownloadMeter:
    """Adds up the bars; a download whose bar has gone is complete."""

    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    def feed(self, drawn: str) -> Downloads | None:
        """Take one whole picture; gives the sums, None when there was no bar in it."""
        bars = {match["name"]: match for match in _BAR.finditer(drawn)}
        if not bars:
            return None
        for name, (_, total) in self._seen.items():
            if name not in bars:
                self._seen[name] = (total, total)
        for name, bar in bars.items():
            self._seen[name] = (_bytes(bar["got"], bar["got_unit"]), _bytes(bar["all"], bar["all_unit"]))
        return Downloads(
            received=sum(got for got, _ in self._seen.values()), total=sum(total for _, total in self._seen.values())
        )


def draws_bars(argv: Sequence[str]) -> bool:
    """Tell whether a command is uv fetching packages; other programs print lines, or say nothing."""
    return PurePath(argv[0]).stem == "uv" and tuple(argv[1:2]) == ("pip",)


def without_drawing(line: str) -> str:
    """Give the text that stays on the terminal in the end: after the last thing that was wiped, without colours."""
    return _CONTROL.sub("", line.rpartition("\x1b[2K")[2]).rpartition("\r")[2].rstrip()


def _bytes(number: str, unit: str) -> int:
    return int(float(number) * _UNITS.get(unit, 1))
