"""Which index pip and uv use when nothing is configured: they are asked, no host is written down here."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_TIME_LIMIT_S = 20.0
_FROM_UV = re.compile(r"^(?:--index-url|-i|--default-index)[ =](\S+)", re.MULTILINE)
_FROM_PIP = re.compile(r"--index-url\s+<url>.*?\(default\s+(\S+?)\)", re.DOTALL)
_HARMLESS = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


def default_index(environ: Mapping[str, str], *, uv: str | None, cache: Path | None, ask: bool = True) -> str | None:
    """Give the index that uv, or else pip, uses unless told otherwise; None when neither tells.

    The answer is kept in `cache` for as long as that very uv stays in place, so that uv runs once.
    With `ask` False only a kept answer counts and nothing is run.
    """
    if cache is None and not ask:
        return None
    uv = uv or find_uv()
    asked = (uv_command(uv), _FROM_UV) if uv else (pip_command(sys.executable), _FROM_PIP)
    stamp = _stamp(asked[0][0])
    if (kept := _kept(cache, stamp)) is not None:
        return kept
    if not ask:
        return None
    answer = _ask(*asked, environ)
    if answer is None and uv:
        answer = _ask(pip_command(sys.executable), _FROM_PIP, environ)
    if answer is not None:
        _keep(cache, stamp, answer)
    return answer


def find_uv() -> str | None:
    """Find the uv that is installed with torchup."""
    try:
        from uv import find_uv_bin
    except ImportError:
        return None
    try:
        return os.fspath(find_uv_bin())
    except FileNotFoundError:
        return None


def uv_command(uv: str) -> list[str]:
    """Build the command that makes uv name its default index; it reads no configuration and no network."""
    options = ["--offline", "--no-config", "--no-cache", "--quiet", "--python", sys.executable]
    return [uv, "pip", "compile", "-", "--emit-index-url", "--no-header", *options]


def pip_command(python: str) -> list[str]:
    """Build the command that makes pip name its default index: only its help does."""
    return [python, "-I", "-m", "pip", "install", "--help"]


def _ask(command: list[str], pattern: re.Pattern[str], environ: Mapping[str, str]) -> str | None:
    # Imported here: most runs find a kept answer and start nothing.
    import subprocess

    from torchup.private_folders import temporary_folder

    # Only harmless variables are passed on: a UV_ or PIP_ one would change the answer.
    clean = {name: environ[name] for name in _HARMLESS if name in environ} | {"COLUMNS": "1000"}
    with temporary_folder() as folder:
        try:
            run = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                cwd=folder,
                env=clean,
                timeout=_TIME_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            # An installer that cannot be run has no default; the caller says that none is known.
            return None
    found = pattern.search(run.stdout.decode(errors="replace"))
    return found.group(1) if found and run.returncode == 0 else None


def _stamp(program: str) -> str:
    try:
        seen = Path(program).stat()
    except OSError:
        return program
    return f"{program} {seen.st_size} {seen.st_mtime_ns}"


def _kept(cache: Path | None, stamp: str) -> str | None:
    if cache is None:
        return None
    try:
        kept = json.loads((cache / "default-index.json").read_bytes())
        index = kept["index"] if kept["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if isinstance(index, str) else None


def _keep(cache: Path | None, stamp: str, index: str) -> None:
    if cache is None:
        return
    from torchup.resolve.offers.kept_pages import write_quietly

    write_quietly(cache / "default-index.json", json.dumps({"stamp": stamp, "index": index}).encode())
