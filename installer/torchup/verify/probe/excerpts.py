"""What is kept of a long text: an error message, the last words of a process."""

from __future__ import annotations

import re
from pathlib import Path

EVIDENCE_LINES = 6


def first_line(text: str) -> str:
    """Give the first line of a text that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def short(text: str) -> str:
    """Keep the lines of a long compiler message that say something: the first, and the first with `error`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = next((line for line in lines[1:] if "error" in line.lower()), "")
    return " | ".join(filter(None, [lines[0] if lines else "", wrong]))[:500]


def summarize_stderr(text: str) -> str:
    """Keep of a worker's last words what names the place: the top Python frames, else the last lines."""
    frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', text.rpartition("most recent call first")[2])
    if frames:
        return " < ".join(f"{name} ({Path(path).name}:{line})" for path, line, name in frames[:3])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-EVIDENCE_LINES:])
