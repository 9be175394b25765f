"""The A/B trick: the same command once more with one thing changed. What makes the difference is the cause, proved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torchup.detect.commands import Ran
from torchup.model.diagnosis import Found
from torchup.verify.causes import cause_of_text
from torchup.verify.run import how_it_ended
from torchup.words import mark, tr

Ask = Callable[[tuple[str, ...], Mapping[str, str], float], Ran]

IMPORT_SECONDS = 180.0

# Run as a person's program is, with their variables, but away from the current folder. The answer is the last line.
TRY = """
import json, re
import torch
said = {"version": str(torch.__version__), "file": getattr(torch, "__file__", None), "cudnn": None, "count": None}
try:
    said["cudnn"] = torch.backends.cudnn.version()
except Exception:
    pass
try:
    said["count"] = torch.cuda.device_count()
except Exception:
    pass
try:
    maps = open("/proc/self/maps", errors="replace").read()
except OSError:
    maps = ""
names = re.compile(r"/lib(?:cudart|cublas|cublasLt|cudnn\\w*|cusparse|cusolver|cufft|nvJitLink|nccl|nvrtc)\\.so[.\\d]*$")
paths = {line.split(None, 5)[5].strip() for line in maps.splitlines() if ".so" in line and "/" in line}
said["libraries"] = sorted(path for path in paths if names.search(path))
print("\\n" + json.dumps(said))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt to import torch ended: what it said, or the last line of its error."""

    said: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def works(self) -> bool:
        """Whether torch could be imported."""
        return bool(self.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One change: variables that are left out, others that are set, and flags of Python; and what it proves."""

    without: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    cause: str
    text: str

    def applies(self, environ: Mapping[str, str]) -> bool:
        """Tell whether the change would change anything here."""
        return not self.without or any(environ.get(name) for name in self.without)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Give the environment with the change."""
        return {**{name: value for name, value in environ.items() if name not in self.without}, **dict(self.given)}


# What breaks an import; one at a time, in the order of what is met most.
IMPORT_TRIALS = (
    Trial(without=("LD_LIBRARY_PATH",), cause="library-path-shadows", text=mark("without LD_LIBRARY_PATH")),
    Trial(without=("LD_PRELOAD",), cause="library-path-shadows", text=mark("without LD_PRELOAD")),
    Trial(
        without=("PYTHONPATH", "PYTHONHOME"),
        cause="python-path-shadows",
        text=mark("without PYTHONPATH and PYTHONHOME"),
    ),
    Trial(
        given=(("PYTHONNOUSERSITE", "1"),), cause="python-path-shadows", text=mark("without the user's own packages")
    ),
    Trial(flags=("-I",), cause="python-path-shadows", text=mark("with python -I")),
)
# What makes a collective or a copy between GPUs hang; run with the one check that failed.
CHECK_TRIALS: tuple[tuple[re.Pattern[str], Trial], ...] = (
    (
        re.compile(r"nccl|p2p|ddp|collectives"),
        Trial(given=(("NCCL_P2P_DISABLE", "1"),), cause="nccl-p2p-hang-acs", text=mark("with NCCL_P2P_DISABLE=1")),
    ),
    (
        re.compile(r"nccl|ddp|collectives"),
        Trial(given=(("NCCL_SHM_DISABLE", "1"),), cause="shm-too-small", text=mark("with NCCL_SHM_DISABLE=1")),
    ),
    (
        re.compile(r"copy|alloc|exact-.*|matmul-.*|cudnn|sparse|libs"),
        Trial(without=("LD_LIBRARY_PATH",), cause="library-path-shadows", text=mark("without LD_LIBRARY_PATH")),
    ),
)


def attempt(python: str, environ: Mapping[str, str], ask: Ask, flags: tuple[str, ...] = ()) -> Outcome:
    """Import torch in a process of its own and bring back what it is."""
    ran = ask((python, *flags, "-c", TRY), environ, IMPORT_SECONDS)
    try:
        said = json.loads(ran.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = None
    if ran.returncode == 0 and isinstance(said, dict):
        return Outcome(said=said)
    return Outcome(error=last_words(ran))


def last_words(ran: Ran) -> str:
    """Say how a command failed: by the signal that ended it, else by the last line of its error."""
    if ran.returncode is not None and ran.returncode < 0:
        # What is printed by a dying process (a traceback of the fault handler) tells the place, not the end.
        return tr("the process {how}", how=how_it_ended(ran.returncode)[0])
    lines = (
        ran.stderr.strip() or ran.problem or tr("it ended with status {status}", status=ran.returncode)
    ).splitlines()
    return lines[-1]


def why_import_fails(python: str, environ: Mapping[str, str], ask: Ask, error: str) -> Found:
    """Find what makes a failing import work; without a trial that does, the error's own text tells."""
    told = cause_of_text(error)
    for trial in IMPORT_TRIALS:
        if trial.applies(environ) and attempt(python, trial.environment(environ), ask, trial.flags).works:
            # A shadowed library may have a name of its own in the error's text.
            telling = told if trial.cause == "library-path-shadows" and told is not None else trial.cause
            shown = [f"{name}={environ[name]}" for name in trial.without if environ.get(name)]
            return Found(
                cause=telling, evidence=(error, tr("{trial} it can be imported", trial=tr(trial.text)), *shown)
            )
    return Found(cause=told or "torch-import-error", evidence=(error,))


def compare_library_path(python: str, environ: Mapping[str, str], ask: Ask, plain: Outcome) -> Iterator[Found]:
    """Where torch loads with LD_LIBRARY_PATH, tell whether it loads the same libraries without it."""
    path = environ.get("LD_LIBRARY_PATH")
    if not path:
        return
    clean = attempt(python, {name: value for name, value in environ.items() if name != "LD_LIBRARY_PATH"}, ask)
    if not clean.works:
        return
    evidence: list[str] = []
    with_it, without = plain.said, clean.said
    differs = with_it.get("cudnn") != without.get("cudnn")
    if differs:
        evidence.append(
            tr(
                "cuDNN is {given} with LD_LIBRARY_PATH and {own} without it",
                given=with_it.get("cudnn"),
                own=without.get("cudnn"),
            )
        )
    other = sorted(set(with_it.get("libraries") or ()) - set(without.get("libraries") or ()))
    evidence += [tr("with LD_LIBRARY_PATH {library} is loaded", library=library) for library in other]
    if evidence:
        is_cudnn = differs or any("cudnn" in library for library in other)
        cause = "cudnn-shadowed" if is_cudnn else "library-path-shadows"
        yield Found(cause=cause, evidence=(*evidence, f"LD_LIBRARY_PATH={path}"), severity="degraded")


def compare_masks(python: str, environ: Mapping[str, str], ask: Ask, plain: Outcome) -> Iterator[Found]:
    """Where a variable limits the GPUs, tell how many torch sees without it."""
    name = "CUDA_VISIBLE_DEVICES"
    if name not in environ or plain.said.get("count"):
        return
    clean = attempt(python, {key: value for key, value in environ.items() if key != name}, ask)
    if clean.said.get("count"):
        text = tr(
            "torch sees {count} GPUs with {name}={value!r} and {all} without it",
            count=plain.said.get("count"),
            name=name,
            value=environ[name],
            all=clean.said["count"],
        )
        yield Found(cause="cuda-visible-devices-hides-gpu", evidence=(text,))
