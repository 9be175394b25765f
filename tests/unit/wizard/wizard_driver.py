"""The wizard as a program of its own, on a machine of the tests: `wizard_driver.py MACHINE [--plain] [--raising]`.

It prints `CONFIRMED` and the answers that are not defaults, or `STOPPED` and exits as the command line does.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from rich.console import Console  # the path comes first

from torchup.errors import InterruptError
from torchup.model.context import Terminal
from torchup.model.request import Request
from torchup.ui.ask.backend import asker_for
from torchup.ui.wizard import run_wizard
from unit.wizard import wizard_machines


class Ended(BaseException):
    """SIGTERM or SIGHUP, as the command line turns them into an exception."""


def end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended


def main() -> int:
    facts = getattr(wizard_machines, sys.argv[1])
    columns = shutil.get_terminal_size().columns
    console = Console(file=sys.stderr, width=columns, force_terminal=True, highlight=False, markup=False)
    terminal = Terminal(
        stdin_is_terminal=True,
        stdout_is_terminal=True,
        stderr_is_terminal=True,
        columns=columns,
        plain="--plain" in sys.argv,
        encoding=sys.stdout.encoding,
    )
    if "--raising" in sys.argv:
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGHUP, end)
    try:
        request = run_wizard(
            facts=facts,
            request=Request(),
            resolve=wizard_machines.machine_resolver(facts),
            review=wizard_machines.review,
            asker=asker_for(terminal, console.print),
            say=console.print,
        )
    except InterruptError as error:
        print(f"STOPPED {error.code}")
        return int(error.exit_status)
    except Ended:
        print("ENDED")
        return 143
    print("CONFIRMED")
    for key, origin in request.origins.items():
        print(f"{origin} {key} {wizard_machines.shown(request, key)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
