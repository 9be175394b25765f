"""The managed block: putting our lines into a start-up file and taking exactly them out again.

    # >>> torchup 1 sha256:0f1e2d3c4b5a6978 newline >>>
    if [ -r '/home/ann/.config/torchup/env.sh' ]; then ...; fi
    # <<< torchup <<<

The first marker holds the format, a digest of the body and of the flags, and the flags: what had to
be added besides the block, so that removal is exact without any other record. `created`: there was no
file. `newline`: the last line had no end. `blank`: the last line ended in a continuation character,
and an empty line keeps it away from ours. Bytes outside the markers and those additions never change.
"""

from __future__ import annotations

from dataclasses import dataclass

from torchup.errors import RefusedError
from torchup.shell.block_scan import Block, BlockState, digest, find, markers
from torchup.shell.early_end import before_early_end
from torchup.shell.kinds import language_named
from torchup.shell.kinds.kind import Placement
from torchup.words import tr

__all__ = ["Block", "BlockState", "Edit", "Placement", "find", "insert", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A file before and after; None means that it does not exist.

    `notes` are sentences about what the edit does besides the block. The line numbers are those of the
    block in `after` (in `before` for a removal), None where nothing is done.
    """

    before: bytes | None
    after: bytes | None
    notes: tuple[str, ...] = ()
    first_line: int | None = None
    last_line: int | None = None

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to write."""
        return self.before != self.after


def insert(
    content: bytes | None,
    body: str,
    *,
    placement: Placement = "end",
    language: str = "sh",
) -> Edit:
    """Put our block with this body into a file, or bring the one that is there up to date in its place.

    `body` is whole lines. `before-return` stands above the first line that ends the file early for
    some shells, and at the end where there is none. Raises RefusedError `block-edited` or `block-broken`.
    """
    text = body.encode("utf-8", "surrogateescape")
    if not text.endswith(b"\n") or find(text) != BlockState(kind="absent"):
        raise ValueError("the body of a block is whole lines without markers")
    state = _usable(content, text)
    if state.block is not None and content is not None:
        return _update(content, state.block, text)
    old = content or b""
    if placement == "start":
        offset = 0
    elif placement == "before-return":
        offset = before_early_end(old)
    else:
        offset = len(old)
    flags, notes = _additions(content, offset, language)
    separator = b"\n" * sum(flag in ("newline", "blank") for flag in flags)
    block = _compose(text, flags)
    before_block = old[:offset] + separator
    return Edit(
        before=content,
        after=before_block + block + old[offset:],
        notes=notes,
        first_line=before_block.count(b"\n") + 1,
        last_line=before_block.count(b"\n") + block.count(b"\n"),
    )


def remove(content: bytes | None, *, body: str | None = None) -> Edit:
    """Take our block out of a file, with what the insertion had added beside it.

    A newline that was added stays when something follows the block now, because it would otherwise
    join two lines of the user. A file that we created goes when nothing else is in it. `body`, where
    known, improves the difference that an error shows. Raises RefusedError `block-edited` or `block-broken`.
    """
    state = _usable(content, None if body is None else body.encode("utf-8", "surrogateescape"))
    block = state.block
    if content is None or block is None:
        return Edit(before=content, after=content)
    head, tail = content[: block.start], content[block.end :]
    if not tail:
        for flag in block.flags:
            if flag in ("newline", "blank"):
                head = head.removesuffix(b"\r\n" if block.crlf and head.endswith(b"\r\n") else b"\n")
    rest = head + tail
    gone = not rest and "created" in block.flags
    return Edit(
        before=content,
        after=None if gone else rest,
        notes=(tr("the file is removed: torchup created it, and nothing else is in it"),) if gone else (),
        first_line=block.first_line,
        last_line=block.last_line,
    )


def _compose(body: bytes, flags: tuple[str, ...]) -> bytes:
    begin, end = markers(body, flags)
    return begin + b"\n" + body + end + b"\n"


def _additions(content: bytes | None, offset: int, language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if content is None:
        return ("created",), (tr("the file is created"),)
    if offset == 0:
        return (), ()
    flags: list[str] = []
    notes: list[str] = []
    above = content[:offset]
    if not above.endswith(b"\n"):
        flags.append("newline")
        notes.append(tr("the last line gets the line end that it lacks"))
    last_line = above.removesuffix(b"\n")
    if last_line.endswith(language_named(language).continues):
        flags.append("blank")
        notes.append(tr("an empty line keeps the last line, which continues, away from the block"))
    return tuple(flags), tuple(notes)


def _update(content: bytes, block: Block, body: bytes) -> Edit:
    notes = (tr("the block's line ends, which another tool had changed to CRLF, are put right"),) if block.crlf else ()
    new = _compose(body, block.flags)
    if not content[block.start : block.end].endswith(b"\n"):
        # A tool cut the final newline off; the next append would otherwise join our marker.
        notes = (*notes, tr("the end marker gets back its line end"))
    head = content[: block.start]
    if block.crlf:
        # The line ends that came with the block are converted back with it: a removal could not tell
        # their carriage returns from the user's any more.
        count = sum(flag in ("newline", "blank") for flag in block.flags)
        if head.endswith(b"\r\n" * count):
            head = head[: len(head) - 2 * count] + b"\n" * count
    return Edit(
        before=content,
        after=head + new + content[block.end :],
        notes=notes,
        first_line=block.first_line,
        last_line=block.first_line + new.count(b"\n") - 1,
    )


def _usable(content: bytes | None, body: bytes | None) -> BlockState:
    state = find(content)
    if state.kind == "broken":
        from torchup.shell.block_repair import repair_diff

        repair = repair_diff(content or b"")
        raise RefusedError(
            tr("The torchup markers in this file are damaged, so nothing in it is changed."),
            code="block-broken",
            evidence=(*state.problems, *repair),
            hint=tr("Correct the file by hand, for example as the difference shows, and run the command again.")
            if repair
            else tr("Correct the file by hand, and run the command again."),
        )
    if state.kind == "edited" and state.block is not None:
        block = state.block
        raise RefusedError(
            tr(
                "The torchup block at lines {first} to {last} was edited by hand, so nothing in the file is changed.",
                first=block.first_line,
                last=block.last_line,
            ),
            code="block-edited",
            evidence=_difference(block, body),
            hint=tr("Move your own lines outside the two markers and run the command again."),
        )
    return state


def _difference(block: Block, body: bytes | None) -> tuple[str, ...]:
    """Show what differs from the body that was written, or the whole block where that is not known."""
    import difflib

    written = _recover(block) or body
    if written is None:
        return tuple(_shown(block.body))
    return tuple(
        difflib.unified_diff(
            _shown(written),
            _shown(block.body),
            fromfile=tr("the block as torchup writes it"),
            tofile=tr(
                "lines {first} to {last} as they are",
                first=block.first_line + 1,
                last=block.last_line - 1,
            ),
            lineterm="",
        ),
    )


def _recover(block: Block) -> bytes | None:
    """Find the lines that were added: the body without them has the digest in the marker."""
    lines = block.body.splitlines(keepends=True)
    most = 40
    if len(lines) > most:
        return None
    for first in range(len(lines)):
        for last in range(len(lines), first, -1):
            rest = b"".join(lines[:first] + lines[last:])
            if digest(rest, block.version, block.flags) == block.digest:
                return rest
    return None


def _shown(body: bytes) -> list[str]:
    return body.decode("utf-8", "backslashreplace").splitlines()
