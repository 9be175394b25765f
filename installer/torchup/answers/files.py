"""Read a file that a person wrote: regular, of sane size, UTF-8, without control characters."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from torchup.answers.problems import Located
from torchup.errors import UsageError
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
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except IsADirectoryError:
        raise _unreadable(path, what, tr("is a folder")) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise _unreadable(path, what, tr("cannot be read: {reason}", reason=reason)) from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise _unreadable(path, what, tr("is a folder"))
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(path, what, tr("is not a regular file"))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, what, tr("cannot be read: {reason}", reason=error.strerror)) from error
    finally:
        os.close(descriptor)
    if len(content) > LARGEST_BYTES:
        size = max(status.st_size, len(content))
        raise _unreadable(
            path,
            what,
            tr(
                "has {size:,} bytes, and more than {most:,} are never needed",
                size=size,
                most=LARGEST_BYTES,
            ),
        )
    return content


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


def _unreadable(path: Path, what: str, why: str) -> UsageError:
    return UsageError(
        tr("The {what} {path} {why}.", what=tr(what), path=path, why=why),
        code="file-unreadable",
        hint=tr("Give the path of a UTF-8 text file."),
    )
