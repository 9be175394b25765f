"""What a block in a start-up file of 5 MB costs: torchup's own time, without the shells that it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

SIZE = 5_000_000
AIM_S = 1.0
_LINES = b"alias l%d='ls -l'\nf_%d() {\n  return 1\n}\nif [ -n \"$A%d\" ]; then B=$A; fi\n# caf\xe9 \n"


def bench_shell(rounds: int) -> list[tuple[str, str, str, str]]:
    """Give name, figure, aim and detail for `shell apply` and `shell remove`."""
    own: dict[str, list[dict[str, float]]] = {"apply": [], "remove": []}
    for _ in range(max(3, rounds // 2)):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder, "home")
            home.mkdir()
            Path(folder, "cuda/bin").mkdir(parents=True)
            content = large_file()
            (home / ".bashrc").write_bytes(content)
            own["apply"].append(_measured(home, "apply", "--cuda-home", f"{folder}/cuda"))
            own["remove"].append(_measured(home, "remove"))
            if (home / ".bashrc").read_bytes() != content:
                sys.exit("shell remove did not give the bytes back")
    return [
        (
            f"shell {name}, .bashrc of {SIZE // 1_000_000} MB, own time",
            f"{median(item['own'] for item in items):.2f} s",
            f"<= {AIM_S:.0f} s",
            "{:.2f} s CPU; beside it {:.2f} s in the shells that parse and start it".format(
                *(median(item[what] for item in items) for what in ("cpu", "shells"))
            ),
        )
        for name, items in own.items()
    ]


def large_file() -> bytes:
    """Write a start-up file of many functions, conditions and Latin-1 comments."""
    lines: list[bytes] = []
    size = 0
    while size < SIZE:
        number = len(lines)
        lines.append(_LINES % (number, number, number))
        size += len(lines[-1])
    return b"".join(lines)


def _measured(home: Path, *arguments: str) -> dict[str, float]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TORCHUP_"))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling at every start is nobody's everyday case
    done = subprocess.run(
        [sys.executable, "-m", "bench.own_time", "shell", arguments[0], "--shell", "bash", "--yes", *arguments[1:]],
        env={**environ, "HOME": str(home), "SHELL": "/bin/bash"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured
