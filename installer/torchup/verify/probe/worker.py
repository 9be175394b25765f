"""The worker: the process that imports torch and runs the checks."""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import re
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Iterator, Mapping

from .arch import NO_KERNEL, cause_of_missing_kernel
from .bench import Bench, Wishes, index_of, load_torch
from .build import check_import
from .checks import BY_ID
from .excerpts import first_line
from .health import check_health
from .processes import ANSWER, STATUS_OK
from .result import Result, Skip
from .sentences import say, told, words_of
from .symptoms import cause_of

STICKY = re.compile(
    r"(CUDA|HIP|cuDNN|CUBLAS|NCCL)[ _]?error|device-side assert|unspecified launch failure", re.IGNORECASE
)


def work(wishes: Wishes) -> int:
    """Answer one request per line: {"check", "device", "kind", "level"} in, a result out, until input ends."""
    # Libraries print to standard output when they please: the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    faulthandler.enable()
    # Deterministic cuBLAS asks for one of these, and torch refuses any other (aten/src/ATen/Context.cpp).
    if os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in (":4096:8", ":16:8"):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch: Any = None
    for line in requests_until_orphaned():
        request = json.loads(line)
        start = time.perf_counter()
        faulthandler.dump_traceback_later(max(request["seconds"] - 1.0, 0.2), exit=False)
        sticky = False
        if request["check"] == "import":
            result, torch = check_import(wishes)
        else:
            try:
                torch = torch or load_torch()
                start = time.perf_counter()
                devices, notes = tuple(request.get("devices", ())), request.get("notes", {})
                bench = Bench(torch, request["device"], request["kind"], wishes.level, wishes, devices, notes)
                spec = BY_ID[request["check"]]
                # Checks of several devices start processes of their own, and the card may take only one;
                # health must be asked even where the device cannot be used at all.
                alone = bool(spec.kinds) and not spec.together and spec.run is not check_health
                if alone:
                    bench.choose()
                result = spec.run(bench)
                if result.status == "pass" and alone:
                    bench.wait()
            except Skip as reason:
                result = Result("skip", detail=words_of(reason))
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its finding
                result, sticky = result_of(error, torch, request)
        faulthandler.cancel_dump_traceback_later()
        answer = {
            **result._asdict(),
            "detail": told(result.detail),
            "seconds": round(time.perf_counter() - start, 3),
            "sticky": sticky,
        }
        answers.write(ANSWER + json.dumps(answer) + "\n")
        answers.flush()
    return STATUS_OK


def requests_until_orphaned() -> Iterator[str]:
    """Give the requests; when their source ends, leave at once, even in the middle of a check."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(STATUS_OK)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


def result_of(error: Exception, torch: Any, request: Mapping[str, Any]) -> tuple[Result, bool]:
    """Turn an exception inside a check into a result, and tell whether the device is lost for this process."""
    text = f"{type(error).__name__}: {error}"
    sticky = bool(STICKY.search(text)) or type(error).__name__ == "AcceleratorError"
    cause = cause_of(text)
    if NO_KERNEL in text and request["kind"] == "cuda":
        index = index_of(request["device"])
        cause = cause_of_missing_kernel(torch.cuda.get_device_capability(index), torch.cuda.get_arch_list())
    if isinstance(error, MemoryError) or "OutOfMemoryError" in type(error).__name__ or cause == "device-memory-full":
        # Too little free memory says nothing about whether the device computes right.
        detail = say("too little free memory: {error}", error=first_line(text))
        return Result("error", detail=detail, hint="device-memory-full"), sticky
    spot = traceback.extract_tb(error.__traceback__)[-1]
    detail = say(
        "{error} (in {function}, line {line} of {file})",
        error=first_line(text),
        function=spot.name,
        line=str(spot.lineno),
        file=Path(spot.filename).name,
    )
    return Result("fail", detail=detail, hint=cause or "operation-failed"), sticky
