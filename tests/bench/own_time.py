"""Run one torchup command and print, last, how long it took itself and how long it waited for programs.

python -m bench.own_time shell apply ...
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any


class Waiting:
    """The seconds spent in `wait` and `communicate`; one inside the other counts once."""

    seconds = 0.0
    inside = False

    @classmethod
    def around(cls, call: Any) -> Any:
        """Wrap a method of Popen."""

        def timed(*arguments: Any, **options: Any) -> Any:
            if cls.inside:
                return call(*arguments, **options)
            cls.inside, began = True, time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                cls.inside = False
                cls.seconds += time.perf_counter() - began

        return timed


def main() -> None:
    """Run the command of the arguments."""
    began = time.perf_counter()
    from torchup.cli import cli

    for name in ("wait", "communicate"):
        setattr(subprocess.Popen, name, Waiting.around(getattr(subprocess.Popen, name)))
    try:
        cli(sys.argv[1:])
    except SystemExit as end:
        if end.code not in (0, 4):
            raise
    whole = time.perf_counter() - began
    print(json.dumps({"own": whole - Waiting.seconds, "cpu": time.process_time(), "shells": Waiting.seconds}))


if __name__ == "__main__":
    main()
