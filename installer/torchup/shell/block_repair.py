"""A repair of damaged markers as a difference to apply by hand: torchup never makes it itself."""

from __future__ import annotations

from torchup.shell.block_scan import VERSION, block_between, marker_lines, proven_body
from torchup.words import tr

_CONTEXT_LINES = 3


def repair_diff(content: bytes) -> tuple[str, ...]:
    """Give a unified diff that leaves at most one whole block; empty where nothing can be proposed.

    Lines that are ours by their digest go with their marker, all other lines stay. Of several whole blocks
    the first stays. There is no proposal for blocks of a newer format.
    """
    gone = sorted(_lines_to_take_out(content))
    if not gone:
        return ()
    lines = [line.removesuffix(b"\r").decode("utf-8", "backslashreplace") for line in content.split(b"\n")]
    if not lines[-1]:
        lines.pop()
    else:
        lines[-1] += "\n\\ No newline at end of file"
    return (
        "--- " + tr("the file as it is"),
        "+++ " + tr("the file repaired"),
        *"\n".join(_hunks(lines, gone)).split("\n"),
    )


def repaired(content: bytes) -> bytes:
    """Give the bytes that the proposed difference leads to."""
    gone = _lines_to_take_out(content)
    return b"".join(line for number, line in enumerate(_whole_lines(content), start=1) if number not in gone)


def _lines_to_take_out(content: bytes) -> set[int]:
    marks = marker_lines(content)
    gone: set[int] = set()
    kept = False
    position = 0
    while position < len(marks):
        mark = marks[position]
        following = marks[position + 1] if position + 1 < len(marks) else None
        position += 1
        if not mark.begins:
            gone.add(mark.line)
            continue
        end = following if following is not None and not following.begins else None
        behind = proven_body(content, mark)
        if end is not None:
            block = block_between(content, mark, end)
            if block is None or block.version > VERSION:
                if block is not None:
                    return set()
                position += 1  # a mention in somebody's text
                continue
            if block.intact:
                if kept:
                    gone.update(range(mark.line, end.line + 1))
                kept = True
                position += 1
                continue
        gone.add(mark.line)
        if behind is not None:
            gone.update(range(mark.line, mark.line + content.count(b"\n", mark.start, behind)))
    return gone


def _whole_lines(content: bytes) -> list[bytes]:
    *whole, rest = content.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _hunks(lines: list[str], gone: list[int]) -> list[str]:
    """Write the hunks of a difference that only takes lines out."""
    groups: list[list[int]] = []
    for number in gone:
        if groups and number - groups[-1][-1] <= 2 * _CONTEXT_LINES:
            groups[-1].append(number)
        else:
            groups.append([number])
    shown: list[str] = []
    removed = 0
    for group in groups:
        first = max(1, group[0] - _CONTEXT_LINES)
        last = min(len(lines), group[-1] + _CONTEXT_LINES)
        new = last - first + 1 - len(group)
        # Where nothing is left, the format names the line before.
        start = first - removed - (new == 0)
        shown.append(f"@@ -{first},{last - first + 1} +{start},{new} @@")
        shown += [("-" if number in group else " ") + lines[number - 1] for number in range(first, last + 1)]
        removed += len(group)
    return shown
