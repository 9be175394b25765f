"""Finding the managed block: which marker lines of a file are ours, and in what state the block is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from torchup.words import tr

VERSION = 1

# What an insertion added outside the markers, in the order in which it is written into the marker.
FLAGS = ("created", "newline", "blank")

# Blocks are a few lines; nothing longer is looked through for a body whose end marker is gone.
_LONGEST_BODY = 40

_NAME = b" torchup"
_MARKER = re.compile(rb"[ \t]*# (?P<kind>>>>|<<<) torchup(?P<rest>(?: .*)?)", re.DOTALL)
_BEGIN_REST = re.compile(rb" (?P<version>\d+) sha256:(?P<digest>[0-9a-f]{16})(?P<flags>(?: [a-z]+)*) >>>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of ours in a file.

    `start` and `end` are offsets of the markers' first and past-the-last byte, final newline included;
    line numbers count from 1. `body` has its carriage returns removed when `crlf` says that a tool
    converted the block. `intact` tells whether the digest in the marker matches.
    """

    version: int
    digest: str
    flags: tuple[str, ...]
    body: bytes
    start: int
    end: int
    first_line: int
    last_line: int
    crlf: bool
    intact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockState:
    """What a file holds: no block, an intact one, one that was edited inside, or broken markers.

    `problems` says, with line numbers, what is broken.
    """

    kind: Literal["absent", "intact", "edited", "broken"]
    block: Block | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker line of ours: its offsets, its number from 1, and what stands behind the name."""

    start: int
    end: int
    line: int
    begins: bool
    rest: bytes


def find(content: bytes | None) -> BlockState:
    """Look for our block in the bytes of a file; None is a file that does not exist.

    A marker is a whole line. A pair of markers without identity and digest, or with nothing between
    them that could be ours, is a mention in somebody's text and no block.
    """
    marks = marker_lines(content or b"")
    blocks: list[Block] = []
    problems: list[str] = []
    opened: Mark | None = None
    for mark in marks:
        if mark.begins:
            if opened is not None:
                problems.append(
                    tr(
                        "line {line}: a block begins before the one from line {earlier} has ended",
                        line=mark.line,
                        earlier=opened.line,
                    ),
                )
            opened = mark
        elif opened is None:
            problems.append(tr("line {line}: a block ends here, but none begins before it", line=mark.line))
        else:
            block = block_between(content or b"", opened, mark)
            if block is not None:
                blocks.append(block)
            opened = None
    if opened is not None:
        problems.append(tr("line {line}: a block begins here and never ends", line=opened.line))
    if len(blocks) > 1:
        problems.append(
            tr(
                "there are several blocks, at lines {lines}",
                lines=", ".join(str(block.first_line) for block in blocks),
            )
        )
    problems.extend(
        tr(
            "line {line}: this block has format {version}, which a newer torchup wrote (this one reads up to {newest})",
            line=block.first_line,
            version=block.version,
            newest=VERSION,
        )
        for block in blocks
        if block.version > VERSION
    )
    if problems:
        return BlockState(kind="broken", problems=tuple(problems))
    if not blocks:
        return BlockState(kind="absent")
    return BlockState(kind="intact" if blocks[0].intact else "edited", block=blocks[0])


def markers(body: bytes, flags: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Give the marker lines around a body, without line ends."""
    words = "".join(f" {flag}" for flag in flags)
    begin = f"# >>> torchup {VERSION} sha256:{digest(body, VERSION, flags)}{words} >>>"
    return begin.encode(), b"# <<< torchup <<<"


def digest(body: bytes, version: int, flags: tuple[str, ...]) -> str:
    """Give the 16 hexadecimal digits that tie a body and its flags to the marker."""
    return hashlib.sha256(" ".join((str(version), *flags)).encode() + b"\n" + body).hexdigest()[:16]


def marker_lines(content: bytes) -> list[Mark]:
    """List the lines that are markers of ours, in pairs or not."""
    marks: list[Mark] = []
    line, counted, offset = 1, 0, 0
    # The name is looked for first, and only then the line around it: files may be long.
    while (found := content.find(_NAME, offset)) >= 0:
        start = content.rfind(b"\n", counted, found) + 1
        start = start or counted
        end = content.find(b"\n", found)
        end = len(content) if end < 0 else end
        offset = end
        line += content.count(b"\n", counted, start)
        counted = start
        match = _MARKER.fullmatch(content[start:end].removesuffix(b"\r").rstrip(b" \t"))
        if match is None:
            continue
        begins = match["kind"] == b">>>"
        # A line that only starts like a marker is prose.
        if match["rest"].endswith(b" >>>" if begins else b" <<<"):
            marks.append(Mark(start, min(end + 1, len(content)), line, begins, match["rest"]))
    return marks


def proven_body(content: bytes, begin: Mark) -> int | None:
    """Give the offset behind the lines below a first marker that are ours by its digest; None where none are."""
    match = _BEGIN_REST.fullmatch(begin.rest)
    if match is None or int(match["version"]) > VERSION:
        return None
    flags = tuple(match["flags"].decode().split())
    body, offset = b"", begin.end
    for _ in range(_LONGEST_BODY):
        end = content.find(b"\n", offset) + 1
        if end == 0:
            return None
        body += content[offset:end].removesuffix(b"\n").removesuffix(b"\r") + b"\n"
        offset = end
        if digest(body, int(match["version"]), flags) == match["digest"].decode():
            return offset
    return None


def block_between(content: bytes, begin: Mark, end: Mark) -> Block | None:
    """Read the block between two markers; None where they are a mention in somebody's text."""
    match = _BEGIN_REST.fullmatch(begin.rest)
    if match is None:
        return None
    inside = content[begin.start : end.end]
    crlf = inside.rstrip(b"\n").count(b"\r\n") == end.line - begin.line and content[begin.start : begin.end].endswith(
        b"\r\n",
    )
    body = content[begin.end : end.start]
    if crlf:
        body = body.replace(b"\r\n", b"\n")
    version, wanted = int(match["version"]), match["digest"].decode()
    flags = tuple(match["flags"].decode().split())
    lines = content[begin.start : begin.end].lstrip(b" \t"), content[end.start : end.end].lstrip(b" \t")
    unmoved = lines == (content[begin.start : begin.end], content[end.start : end.end])
    intact = unmoved and digest(body, version, flags) == wanted
    if not intact and not body.strip():
        return None
    return Block(
        version=version,
        digest=wanted,
        flags=flags,
        body=body,
        start=begin.start,
        end=end.end,
        first_line=begin.line,
        last_line=end.line,
        crlf=crlf,
        intact=intact,
    )
