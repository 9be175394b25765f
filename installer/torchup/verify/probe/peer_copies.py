"""Copies from GPU to GPU."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from .bench import MIB, Bench, index_of
from .group import Ended, run_members
from .nvml import Nvml
from .processes import IMPORT_SECONDS, MOST_CRASHES
from .result import Result
from .sentences import listed, mark, say
from .symptoms import cause_of

P2P_STATES = {
    1: mark("chipset"),
    2: mark("this GPU"),
    3: mark("topology"),
    4: mark("switched off in the driver"),
    5: mark("not supported"),
}

PAIR_SECONDS = 20.0


def member_p2p(bench: Bench, request: Mapping[str, Any]) -> list[Any]:
    """Copy between the pairs that are asked for; what is done is in the progress file even when this hangs."""
    done: list[Any] = []
    for source, target in request["pairs"]:
        # The first use of a device sets it up, which takes long. A hang ends this process, whatever it is stuck in.
        faulthandler.dump_traceback_later(request["stall"] * (1 if done else 3), exit=True)
        with open(request["progress"], "a", encoding="ascii") as progress:  # noqa: PTH123 - flushed at once
            progress.write(json.dumps([source, target]) + "\n")
        reachable = bool(bench.torch.cuda.can_device_access_peer(index_of(source), index_of(target)))
        done.append([source, target, reachable, wrong_words(bench, source, target)])
        with open(request["progress"], "a", encoding="ascii") as progress:  # noqa: PTH123
            progress.write(json.dumps(done[-1]) + "\n")
    return done


def wrong_words(bench: Bench, source: str, target: str, move: Callable[[Any, str], Any] | None = None) -> int:
    """Copy 16 MiB from one device to another and count what differs there and at the host."""
    torch = bench.torch
    move = move or (lambda tensor, device: tensor.to(device))
    pattern = torch.randint(-(2**62), 2**62, (2 * MIB,), generator=bench.generator(130))
    there = move(pattern.to(source), target)
    on_target = int((there != pattern.to(target)).sum().to("cpu"))
    return max(on_target, int((there.to("cpu") != pattern).sum()))


def check_p2p(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Copy a pattern between every two GPUs, on each pair with its own time limit."""
    run = run or run_members
    pairs = [[one, other] for one in bench.devices for other in bench.devices if one != other]
    claims = {tuple(pair): state for pair, state in p2p_states(bench).items()}
    found: list[list[Any]] = []
    hung: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        while pairs and len(hung) < MOST_CRASHES:
            progress = os.path.join(folder, f"progress{len(hung)}")  # noqa: PTH118 - a string is wanted
            alone = bench._replace(devices=bench.devices[:1])
            seconds = IMPORT_SECONDS / 3 + PAIR_SECONDS * len(pairs)
            (end,) = run(
                "p2p",
                alone,
                seconds,
                {"pairs": pairs, "progress": progress, "stall": PAIR_SECONDS * bench.wishes.timeout_scale},
            )
            if end.how == "answered":
                found += end.said
                break
            lines = [json.loads(line) for line in read_or_empty(progress).splitlines()]
            finished = [line for line in lines if len(line) > 2]  # noqa: PLR2004 - a pair that was begun has two
            found += finished
            begun = [line for line in lines if len(line) == 2]  # noqa: PLR2004
            if len(begun) <= len(finished):
                text = say(
                    "copies between GPUs: the process {how}: {last_words}", how=end.in_words(), last_words=end.said
                )
                return Result("fail", detail=text, hint=cause_of(end.said) or "operation-failed")
            hung.append(begun[-1])
            pairs = pairs[pairs.index(begun[-1]) + 1 :]
    return judge_p2p(found, hung, claims)


def read_or_empty(path: str) -> str:
    """Read a file that may not be there."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def p2p_states(bench: Bench) -> dict[tuple[str, str], str]:
    """Ask NVML why two GPUs cannot reach each other; empty where they can or it does not tell."""
    if bench.kind != "cuda":
        return {}
    found = {}
    with contextlib.suppress(OSError):
        nvml = Nvml()
        handles = {device: nvml.handle(index_of(device)) for device in bench.devices}
        for one, first in handles.items():
            for other, second in handles.items():
                state = nvml.one("nvmlDeviceGetP2PStatus", first, second, 0) if one != other else None
                if state:
                    found[(one, other)] = P2P_STATES.get(state, mark("unknown"))
    return found


def judge_p2p(found: Sequence[Sequence[Any]], hung: Sequence[Sequence[str]], claims: Mapping[Any, str]) -> Result:
    """Judge copies between GPUs: [source, target, whether they claim direct access, wrong words] each."""
    if hung:
        pairs = listed(say("{source} to {target}", source=source, target=target) for source, target in hung)
        text = say("copies hang: {pairs}", pairs=pairs)
        return Result("timeout", len(hung), "pairs", 0, text, "nccl-p2p-hang-acs")
    wrong = [(source, target, count) for source, target, _, count in found if count]
    if wrong:
        changed = listed(
            say("{source} to {target} {count} words", source=source, target=target, count=count)
            for source, target, count in wrong
        )
        text = say("copies arrive changed: {pairs}", pairs=changed)
        return Result("fail", len(wrong), "pairs", 0, text, "nccl-p2p-hang-acs")
    direct = sum(bool(reachable) for _, _, reachable, _ in found)
    text = say("{count} pairs, {direct} of them with direct access, all bits equal", count=len(found), direct=direct)
    reasons = sorted(set(claims.values()))
    if reasons:
        text = say("{what}; no direct access because of: {reasons}", what=text, reasons=listed(map(say, reasons)))
    return Result("pass", 0, "wrong pairs", 0, text)
