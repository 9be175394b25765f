"""A run of torchup's apply stage in a process of its own, which tests stop and kill.

    python -m support.apply_child FOLDER apply|resume|undo [--kill-at STEP] [--uv PROGRAM]

FOLDER is laid out by `Sandbox.create`. With --kill-at the process kills itself when that step starts. It
prints `step ID` when a step starts and `line ...` for output, and ends with the documented exit code.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from support.sandbox import Sandbox, offer_of, passing
from support.wheel_index import stub_wheel
from torchup.apply.events import Event, StepOutput, StepStarted
from torchup.apply.run import apply_plan, resume_run, undo_run
from torchup.errors import TorchupError


def sandbox_at(folder: Path) -> Sandbox:
    """Find the sandbox that was laid out in a folder."""
    torch = stub_wheel("torch", "2.13.0+cpu", requires=["sympy>=1.13"])
    wheels = folder / "wheels"
    return Sandbox(home=folder / "home", wheels=wheels, torch=torch, offers=(offer_of(torch, wheels),))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["apply", "resume", "undo"])
    parser.add_argument("--kill-at")
    parser.add_argument("--uv")
    given = parser.parse_args()
    box = sandbox_at(given.folder)

    def tell(event: Event) -> None:
        match event:
            case StepStarted(step=step):
                print(f"step {step.id}", flush=True)
                if step.id == given.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            case StepOutput(line=line):
                print(f"line {line}", flush=True)
            case _:
                pass

    try:
        if given.what == "apply":
            plan = box.plan(uv=given.uv) if given.uv else box.plan()
            return int(apply_plan(plan, box.machine, verifier=passing, on_event=tell).exit_status)
        if given.what == "resume":
            return int(resume_run(box.machine, verifier=passing, on_event=tell).exit_status)
        undo_run(box.machine, on_event=tell).raise_if_left()
    except TorchupError as error:
        print(f"error {error.code}: {error.message} {error.hint}", *error.evidence, sep="\n", flush=True)
        return int(error.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
