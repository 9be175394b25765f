"""What the person's own shell knows: the variables that decide which Python, nvcc and libraries a program gets."""

from __future__ import annotations

import re
import shutil

from torchup.model.facts import Shells
from torchup.model.outcome import Check
from torchup.shell.kinds import named
from torchup.shell.kinds.kind import StartMode
from torchup.verify.shells import read_variables
from torchup.words import tr

NAMES = (
    *("CUDA_HOME", "CUDA_PATH", "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "CUDA_VISIBLE_DEVICES"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "TORCHUP_ENVIRONMENT", "TORCHUP_CUDA_HOME", "TRITON_CACHE_DIR", "TMPDIR"),
)
PROGRAMS = ("python", "python3", "nvcc", "nvidia-smi")
_MODES: tuple[StartMode, ...] = ("interactive", "login")
_CUDA_FOLDER = re.compile(r"cuda[^:]*/(?:lib64|lib|targets|compat)|/cudnn", re.IGNORECASE)


def read_own_shell(shells: Shells, *, home: str, timeout: float = 15.0) -> tuple[dict[str, object], tuple[Check, ...]]:
    """Start the login shell as a terminal and as a login do; gives what each knows, and a check of it.

    A CUDA folder in LD_LIBRARY_PATH is a warning: torch's wheels need none, and what it names is found
    before their own libraries.
    """
    shell = shells.login or shells.current
    if shell is None:
        return {}, ()
    kind = named(shell)
    if kind is None or kind.language is None or shutil.which(kind.program) is None:
        return {}, (
            Check(id="own-shell", status="skip", detail=tr("the login shell {shell} cannot be asked", shell=shell)),
        )
    known: dict[str, object] = {}
    checks: list[Check] = []
    for mode in _MODES:
        reading = read_variables(shell, mode, home=home, timeout=timeout)
        name = f"own-shell.{shell}.{mode}"
        if reading.problem is not None:
            status = "timeout" if reading.timed_out else "error"
            detail = f"{reading.problem}. {reading.complaint}".strip()
            # A shell that cannot be read says nothing about torch: it is never more than a warning.
            checks.append(Check(id=name, status="warn", seconds=reading.seconds, detail=f"{status}: {detail}"))
            continue
        values = {variable: value for variable in NAMES if (value := reading.get(variable)) is not None}
        path = values.get("PATH", "")
        found = {program: place for program in PROGRAMS if (place := shutil.which(program, path=path))}
        known[f"{shell} {mode}"] = {"variables": values, "programs": found}
        folders = [entry for entry in values.get("LD_LIBRARY_PATH", "").split(":") if _CUDA_FOLDER.search(entry)]
        shown = ", ".join(
            tr("{program} is {path}", program=program, path=place) for program, place in found.items()
        ) or tr("no python, no nvcc")
        if folders:
            text = tr(
                "LD_LIBRARY_PATH of a new {mode} {shell} holds {folders}, which torch's wheels do not need",
                mode=mode,
                shell=shell,
                folders=", ".join(folders),
            )
            checks.append(
                Check(id=name, status="warn", seconds=reading.seconds, detail=text, hint="library-path-by-hand")
            )
        else:
            checks.append(Check(id=name, status="pass", seconds=reading.seconds, detail=shown))
    return known, tuple(checks)
