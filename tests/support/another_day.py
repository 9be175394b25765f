"""Run torchup on another day: `python -m support.another_day DAYS ARGUMENT...` with the clock so many days later."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo
from typing import Self

from support.dated_tables import use_dated
from torchup import surroundings
from torchup.cli import main


def run(days: int, arguments: list[str]) -> None:
    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(days=days)

    surroundings.datetime = Moved  # type: ignore[attr-defined]  # as the module itself names it
    use_dated()
    main(arguments)


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
