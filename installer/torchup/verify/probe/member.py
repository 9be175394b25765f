"""One process of a group: its part of a task."""

from __future__ import annotations

import faulthandler
import json
import os
from typing import Any, Callable, Mapping

from .bench import Bench, load_torch
from .collectives import member_collectives
from .data_parallel import member_ddp
from .peer_copies import member_p2p
from .processes import ANSWER, STATUS_OK
from .soak import soak

MEMBER_TASKS: dict[str, Callable[[Bench, Mapping[str, Any]], Any]] = {
    "collectives": member_collectives,
    "ddp": member_ddp,
    "p2p": member_p2p,
    "soak": lambda bench, request: soak(bench, request["duration"]),
}


def member(request: Mapping[str, Any]) -> int:
    """Do one process's part of a task and print the answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    faulthandler.enable()
    faulthandler.dump_traceback_later(max(request["seconds"] - 1.0, 0.2), exit=False)
    torch = load_torch()
    bench = Bench(torch, request["device"], request["kind"], request["level"])
    bench.choose()
    answer = MEMBER_TASKS[request["task"]](bench, request)
    faulthandler.cancel_dump_traceback_later()
    answers.write(ANSWER + json.dumps(answer) + "\n")
    answers.flush()
    # Some back ends hang or crash when they are taken down, which is no finding about the test.
    os._exit(STATUS_OK)
