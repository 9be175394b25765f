"""Whether LD_LIBRARY_PATH changes what PyTorch loads: the same few lines run with the variable and without."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from torchup.model.outcome import Check

_PROBE = """\
import json
import torch
print(json.dumps({
    "torch": torch.__version__,
    "CUDA": getattr(torch.version, "cuda", None),
    "cuDNN": torch.backends.cudnn.version(),
    "GPUs": torch.cuda.device_count(),
}))
"""


def check_library_path(
    python: str, value: str, *, environ: Mapping[str, str], where: str, timeout: float = 120.0
) -> Check:
    """Import torch with LD_LIBRARY_PATH at `value` and unset, and compare what comes with it.

    `where` says what sets the variable. A torch that cannot be imported either way is not judged here.
    """
    base = {name: text for name, text in environ.items() if name != "LD_LIBRARY_PATH"}
    without = _ask(python, base, timeout)
    given = _ask(python, {**base, "LD_LIBRARY_PATH": value}, timeout)
    name = "shell.library-path"
    if isinstance(without, str) and isinstance(given, str):
        return Check(id=name, status="skip", detail=f"torch cannot be imported by {python}: {without}")
    if given == without:
        return Check(id=name, status="pass", detail=f"LD_LIBRARY_PATH={value} changes nothing for PyTorch")
    return Check(
        id=name,
        status="warn",
        detail=f"LD_LIBRARY_PATH={value} ({where}) changes what PyTorch loads: {_compared(given, without)}",
        hint="Libraries in LD_LIBRARY_PATH go before those of PyTorch's wheel. Take the entry out, or set it only for "
        "the programs that need it.",
    )


def _ask(python: str, environ: Mapping[str, str], timeout: float) -> dict[str, object] | str:
    """Give what torch says about itself, or the last line of its complaint."""
    try:
        done = subprocess.run(
            [python, "-c", _PROBE],
            env=dict(environ),
            cwd=os.path.dirname(python) or None,  # noqa: PTH120 - a path as it is written
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    last = done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2]
    try:
        answer = json.loads(last)
    except ValueError:
        answer = None
    if done.returncode == 0 and isinstance(answer, dict):
        return answer
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return said or f"it ended with status {done.returncode}"


def _compared(given: dict[str, object] | str, without: dict[str, object] | str) -> str:
    if isinstance(given, str):
        return f"with it torch fails ({given}), without it torch is imported"
    if isinstance(without, str):
        return f"without it torch fails ({without}), with it torch is imported"
    changed = [
        f"{name} {given[name]} with it, {without[name]} without" for name in given if given[name] != without[name]
    ]
    return "; ".join(changed)
