"""What is kept of a long text: an error message, the last words of a process."""

from __future__ import annotations

import re
from pathlib import Path

EVIDENCE_LINES = 6


def first_line(text: str) -> str:
    """Give the first line of a text that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def short(text: str) -> str:
    """Keep the lines of a long compiler message that say something: the first, and the first with `error`.

    A first line that only announces the next, as "backend='inductor' raised:" of torch.compile, brings that as well.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    announced = lines[1:2] if lines and lines[0].endswith(":") else []
    wrong = [line for line in lines[1:] if "error" in line.lower()][:1]
    return " | ".join(dict.fromkeys([*lines[:1], *announced, *wrong]))[:500]


def summarize_stderr(text: str) -> str:
    """Keep of a worker's last words what names the place: the top Python frames, else the last lines."""
    frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', text.rpartition("most recent call first")[2])
    if frames:
        return " < ".join(f"{name} ({Path(path).name}:{line})" for path, line, name in frames[:3])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-EVIDENCE_LINES:])
