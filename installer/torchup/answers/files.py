"""Read a file that a person wrote: regular, of sane size, UTF-8, without control characters."""

from __future__ import annotations

import re
from pathlib import Path

from torchup.answers.problems import Located
from torchup.errors import UsageError
from torchup.reading import read_file, reason
from torchup.words import tr

LARGEST_BYTES = 256 * 1024

# What YAML 1.1 does not allow in a stream, and the byte order mark in the middle of one. Not compiled here: its ranges
# take milliseconds, and the second, which most files never need, takes nearly all of them.
_FORBIDDEN_ASCII = "[^\t\n\r\x20-\x7e]"
_FORBIDDEN = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"


class TextError(ValueError):
    """Bytes that are no clean UTF-8 text; `problem` says where and why."""

    def __init__(self, problem: Located) -> None:
        super().__init__(problem.text)
        self.problem = problem


def read_small_file(path: Path, *, what: str) -> bytes:
    """Read a file of at most 256 KiB; `what` names it in errors (`answers file`).

    Raises UsageError with the code `file-unreadable` for a missing or unreadable file, a folder, a pipe or
    device (bytes on a pipe are never answers), and a larger file, which is not read at all.
    """
    try:
        return read_file(path, limit=LARGEST_BYTES)
    except OSError as error:
        raise UsageError(
            tr("The {what} {path} cannot be read: {reason}.", what=tr(what), path=path, reason=reason(error)),
            code="file-unreadable",
            hint=tr("Give the path of a UTF-8 text file."),
        ) from error


def decode(content: bytes) -> str:
    """Give the text of UTF-8 bytes, without a byte order mark at the start; raises TextError."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TextError(Located(1, 1, "", tr("the file is UTF-16; save it as UTF-8")))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        byte = content[error.start]
        raise TextError(
            _located(before, tr("the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8", byte=byte))
        ) from error
    bad = re.search(_FORBIDDEN_ASCII if text.isascii() else _FORBIDDEN, text)
    if bad is not None:
        raise TextError(
            _located(
                text[: bad.start()], tr("the character U+{code:04X} has no place in a text", code=ord(bad.group()))
            )
        )
    return text


def _located(before: str, text: str) -> Located:
    lines = re.split("\r\n|\r|\n", before)
    return Located(len(lines), len(lines[-1]) + 1, "", text)
