"""Read a file that a person names, or one of our own: a regular file, and no more of it than is sane."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from torchup.words import tr

LARGEST_FILE = 16 * 1024 * 1024


class UnsuitableFileError(OSError):
    """What is at a path is no regular file, or larger than anything that is meant."""


def read_file(path: Path, *, limit: int = LARGEST_FILE) -> bytes:
    """Read a file whole. Raises OSError, also for a folder, a pipe or a device, and for more than `limit` bytes.

    A pipe that nobody writes to is not waited for, and a device without an end is not read.
    """
    with open_regular(path) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise UnsuitableFileError(tr("it has more than {count:,} bytes", count=limit))
    return content


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read it. Raises OSError, also for a folder, a pipe or a device."""
    # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except IsADirectoryError:  # Windows opens none
        raise UnsuitableFileError(tr("it is a folder")) from None
    except ValueError as error:  # a null character in the path
        raise UnsuitableFileError(str(error)) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise UnsuitableFileError(tr("it is a folder"))
    raise UnsuitableFileError(tr("it is a pipe, a socket or a device, not a file"))


def reason(error: OSError) -> str:
    """Say in words why a file could not be read, without its path."""
    return error.strerror or str(error)
