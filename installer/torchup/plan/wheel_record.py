"""The RECORD of an installed wheel against its folder: which of the files that it cannot work without are damaged.

A wheel's modules and shared libraries count. Everything else may be gone on purpose: people who make images small
remove tests, headers and static libraries, and strip or patch libraries, which changes their sizes and leaves them whole.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

INSTALLERS_THAT_KEEP_RECORD = ("pip", "uv")
"""What INSTALLER says where RECORD tells what is on disk; conda changes files after they were recorded."""

HEADER_BYTES = 64
"""How much of a library is read to see whether it is whole: an ELF header."""

_LIBRARY = re.compile(r"\.(?:so(?:\.\d+)*|pyd|dll|dylib)$")
_TESTS = frozenset({"test", "tests"})
_ELF = b"\x7fELF"
_ELF_64_LITTLE_ENDIAN = b"\x02\x01"


_MOST_DIGITS = 18


class Row(NamedTuple):
    """A line of RECORD; `digest` is as it is written, `sha256=...`, and empty where there is none."""

    path: str
    digest: str = ""
    size: int | None = None


def rows(record: str) -> Iterator[Row]:
    """Read the lines of a RECORD, which anybody may have written into: those that cannot be read are left out."""
    lines = csv.reader(io.StringIO(record, newline=""))
    while True:
        try:
            path, digest, size, *_ = [*next(lines), "", "", ""]
        except StopIteration:
            return
        except csv.Error:
            continue
        if path:
            is_number = size.isascii() and size.isdigit() and len(size) <= _MOST_DIGITS
            yield Row(path, digest, int(size) if is_number else None)


def damaged_files(
    record: str, size_of: Callable[[str], int | None], header_of: Callable[[str], bytes | None]
) -> Iterator[str]:
    """Name the modules and libraries of a wheel that are missing, and the libraries that were cut short.

    `record` is the text of RECORD. `size_of` gives the size in bytes of a file by its path in RECORD, None where there
    is none; `header_of` gives its first bytes.
    """
    for path, recorded in _needed(record):
        size = size_of(path)
        if size is None:
            yield path
        elif recorded is not None and size != recorded and _LIBRARY.search(path):
            header = header_of(path) or b""
            if not _is_whole(header, size, recorded):
                yield path


def _needed(record: str) -> Iterator[tuple[str, int | None]]:
    for path, _, size in rows(record):
        parts = PurePosixPath(path).parts
        inside = bool(parts) and parts[0] not in ("..", "/")
        if not inside or _TESTS.intersection(parts) or not (path.endswith(".py") or _LIBRARY.search(path)):
            continue
        if size != 0:  # several of NVIDIA's wheels bring the same empty module, and removing one removes it
            yield path, size


def _is_whole(header: bytes, size: int, recorded: int) -> bool:
    """Tell whether a library of another size than recorded is whole.

    An ELF file ends with its section headers, or with something behind them: `e_shoff + e_shnum * e_shentsize` of its
    header (the ELF-64 object file format) lies within it, also after `strip` and `patchelf`.
    """
    if not recorded or not header.startswith(_ELF):
        return size >= recorded and any(header)
    if header[4:6] != _ELF_64_LITTLE_ENDIAN or len(header) < HEADER_BYTES:
        return len(header) >= HEADER_BYTES
    start = int.from_bytes(header[0x28:0x30], "little")
    length, count = (int.from_bytes(header[at : at + 2], "little") for at in (0x3A, 0x3C))
    return start + length * count <= size
