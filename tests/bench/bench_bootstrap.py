"""`make setup` in a fresh checkout with empty caches, up to the first question; beside it, pip's own way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import yaml

from bench.bench_wizard import MACHINE, first_question
from support.machines import MACHINES

CHECKOUT = Path(__file__).parents[2]
PIPS_WAY = 'python3 -m venv .venv && .venv/bin/pip install --quiet --editable . && exec .venv/bin/torchup setup "$@"'
PATIENCE = 600.0


def bench_bootstrap(rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """Time both alternately, each with a fresh clone, home and cache every time; gives rows of the bench."""
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        recorded = yaml.safe_load((MACHINES / f"{MACHINE}.yaml").read_text(encoding="utf-8"))["facts"]
        facts.write_text(json.dumps(recorded), encoding="utf-8")
        flags = ["--machine", str(facts), "--dry-run", "--offline"]
        # A person's machine has no uv; the one beside this interpreter is not theirs.
        own = str(Path(sys.executable).parent)
        path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != own)
        ways = (["make", "setup", f"SETUP_FLAGS={' '.join(flags)}"], ["sh", "-ec", PIPS_WAY, "sh", *flags])
        measured = [[_cold(way, Path(folder), path) for way in ways] for _ in range(rounds)]
    ours, theirs = (median(times) for times in zip(*measured, strict=True))
    name = "cold `make setup` to the first question / pip"
    yield name, f"{ours / theirs:.2f} times", "<= 0.5, 15 s", f"{ours:.1f} s against {theirs:.1f} s"


def _cold(command: list[str], folder: Path, path: str) -> float:
    for name in ("home", "clone"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "home").mkdir()
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{CHECKOUT}", folder / "clone"], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "XDG_", "VIRTUAL_ENV"))}
    environ = {**kept, "HOME": str(folder / "home"), "PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return first_question(command, environ, cwd=folder / "clone", patience=PATIENCE)
