"""Pack the modules of the tensor test into one archive that any Python with torch runs, wherever it is copied to.

What runs, in torchup as on a server that it was copied to, is always this archive of `probe/`.

This file needs the standard library only, and Python 3.9: `tests/gpu/run.py` loads it by its path, without torchup.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("probe")
PACKAGE = "tensor_probe"
NAME = f"{PACKAGE}.pyz"

# By its first line the archive is known again; it lies uncompressed at the start of the file.
MARK = "# torchup's tensor test; its modules are in torchup's folder verify/probe."
_PROGRAM = f"""{MARK}
import sys

if sys.version_info < (3, 9):
    sys.exit("{NAME} needs Python 3.9 or newer")

from {PACKAGE}.command_line import main

sys.exit(main(sys.argv[1:]))
"""
_SHEBANG = b"#!/usr/bin/env python3\n"
# The same bytes from the same modules: no file's own time, and none before that of the format.
_TIME = (1980, 1, 1, 0, 0, 0)


@contextlib.contextmanager
def archive_file() -> Iterator[Path]:
    """Keep the archive in a private folder for as long as a block runs, also one that Ctrl-C ends."""
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        path = Path(folder) / NAME
        path.write_bytes(archive())
        yield path


def archive(folder: Path = FOLDER) -> bytes:
    """Give the bytes of the archive: an executable zip file, which Python takes for a program."""
    packed = io.BytesIO()
    packed.write(_SHEBANG)
    with zipfile.ZipFile(packed, "a") as into:
        into.writestr(zipfile.ZipInfo("__main__.py", _TIME), _PROGRAM)
        for path in sorted(folder.glob("*.py")):
            entry = zipfile.ZipInfo(f"{PACKAGE}/{path.name}", _TIME)
            into.writestr(entry, path.read_bytes(), compress_type=zipfile.ZIP_DEFLATED)
    return packed.getvalue()
