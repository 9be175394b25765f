"""The difference between two states of a file, as a unified diff that `patch` takes."""

from __future__ import annotations

import difflib


def unified(path: str, before: bytes | None, after: bytes | None, *, around: int = 3) -> tuple[str, ...]:
    """Give the lines of a unified diff, without line ends; empty where nothing differs.

    None is a file that does not exist. Lines end at a newline only, so a carriage return stays visible as
    a part of its line; bytes that are not UTF-8 come as surrogates. `around` is the number of lines of
    context.
    """
    if before == after:
        return ()
    old, new = ("/dev/null" if content is None else path for content in (before, after))
    lines = [f"--- {old}", f"+++ {new}"]
    # difflib's first two lines name the files with time stamps.
    for line in list(difflib.unified_diff(_lines(before), _lines(after), lineterm="\n", n=around))[2:]:
        text, newline, _ = line.partition("\n")
        lines.append(text)
        if not newline:
            lines.append("\\ No newline at end of file")
    return tuple(lines)


def _lines(content: bytes | None) -> list[str]:
    if not content:
        return []
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended
