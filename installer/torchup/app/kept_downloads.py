"""What an undo leaves on purpose: the downloads in uv's cache, which other environments share."""

from __future__ import annotations

import os
import time
from pathlib import Path

from torchup.model.context import Context
from torchup.ui.program import callable_here
from torchup.words import tr

_SECONDS = 1.0
_MIB = 1024 * 1024


def kept_downloads(context: Context) -> str | None:
    """Say where downloads stay, how much they are, and how they go; None where there are none."""
    environ = context.environ
    named = environ.get("UV_CACHE_DIR")
    folder = Path(named) if named else Path(environ.get("XDG_CACHE_HOME") or context.home / ".cache") / "uv"
    if not folder.is_dir():
        return None
    size = _mib(folder)
    place = str(folder) if size is None else tr("{folder} ({size} MiB)", folder=folder, size=size)
    text = tr(
        "Downloads stay in {place}, where other environments find them too. `uv cache clean` frees them.", place=place
    )
    return callable_here(text, environ)


def _mib(folder: Path) -> int | None:
    """Add up what the files take, each once; None where that would take long."""
    ends, seen, total = time.monotonic() + _SECONDS, set[int](), 0
    for place, _, names in os.walk(folder):
        if time.monotonic() > ends:
            return None
        for name in names:
            try:
                status = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += getattr(status, "st_blocks", 0) * 512
    return total // _MIB
