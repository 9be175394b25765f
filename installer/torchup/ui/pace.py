"""The pace of a download: bytes, rate and time left, as a person reads them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from torchup.words import tr

WINDOW_SECONDS = 10.0
_MINUTE = 60
_FEWEST = 2


@dataclass(slots=True)
class Pace:
    """Remembers what had arrived when, over the last seconds: the rate is that of now, not of the whole."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def text(self, received: int, total: int, *, at: float) -> str:
        """Say how far it is at a moment in seconds: `1.20 of 2.90 GiB, 85.0 MiB/s, 20 s left`."""
        self._samples.append((at, received))
        while len(self._samples) > _FEWEST and at - self._samples[0][0] > WINDOW_SECONDS:
            self._samples.popleft()
        unit, size = _unit(total)
        parts = [tr("{received:.2f} of {total:.2f} {unit}", received=received / size, total=total / size, unit=unit)]
        (began, before), seconds = self._samples[0], at - self._samples[0][0]
        rate = (received - before) / seconds if at > began else 0.0
        if rate > 0:
            unit, size = _unit(int(rate))
            parts += [f"{rate / size:.1f} {unit}/s", tr("{time} left", time=_duration((total - received) / rate))]
        return ", ".join(parts)


def _unit(size: int) -> tuple[str, int]:
    for name, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return name, factor
    return "B", 1


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole} s"
        if whole < _MINUTE
        else tr("{minutes} min {seconds} s", minutes=whole // _MINUTE, seconds=whole % _MINUTE)
    )
