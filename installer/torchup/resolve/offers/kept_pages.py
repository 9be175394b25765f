"""The last good copy of every page, kept on disk: for runs that are offline, and to ask only whether it is still so.

PyTorch's index and many mirrors say no-store about their listings. They are public, and no copy is used without asking
unless it is told. The copies are parsed, small, and readable with the standard library alone. Each file begins with the digest of the rest, so that a damaged one is noticed and dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from torchup.model.quick import dataclass
from torchup.resolve.offers.simple_page import IndexFile
from torchup.resolve.offers.transport import Stamp

_SCHEMA = 1  # to be moved when pages are parsed differently: an unchanged page is not parsed again


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPage:
    """What a page listed on the day `as_of`: files, or the names of a root listing.

    With a `stamp` the server can be asked whether the page is still that one.
    """

    files: tuple[IndexFile, ...] = ()
    names: tuple[str, ...] = ()
    as_of: str
    stamp: Stamp | None = None


class KeptPages:
    """A folder of kept pages, safe for several processes: files are only ever replaced as a whole.

    Without a folder nothing is kept. A folder that cannot be written keeps nothing either: the copies are
    a convenience, and a read-only home must not stop anybody.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, url: str) -> KeptPage | None:
        """Give the kept copy of a page; a damaged one is removed and counts as none."""
        if self._folder is None or not self._folder.is_dir():
            return None
        path = self._path(url)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        page = _parse(content, url)
        if page is None:
            with contextlib.suppress(OSError):
                path.unlink()
        return page

    def put(self, url: str, page: KeptPage) -> None:
        """Keep a page in place of the older copy; source archives are left out."""
        path = self._path(url)
        if path is None:
            return
        files = [_row(file) for file in page.files if file.filename.endswith(".whl")]
        stamp = [page.stamp.url, page.stamp.etag, page.stamp.modified] if page.stamp else None
        data = {"schema": _SCHEMA, "url": url, "as_of": page.as_of, "stamp": stamp, "files": files, "names": page.names}
        body = json.dumps(data, separators=(",", ":")).encode()
        write_quietly(path, _digest(body).encode() + b"\n" + body)

    def _path(self, url: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / f"{_digest(url.encode())[:32]}.json"


def write_quietly(path: Path, content: bytes) -> None:
    """Replace a cache file atomically, readable for its owner only; failing to is fine."""
    import tempfile

    from torchup.private_folders import make_private_folder

    with contextlib.suppress(OSError):
        make_private_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _row(file: IndexFile) -> list[Any]:
    return [
        file.filename,
        file.url,
        file.hashes,
        file.requires_python,
        file.yanked,
        file.size,
        file.metadata,
    ]


def _stamp(row: list[str | None] | None) -> Stamp | None:
    return Stamp(url=row[0] or "", etag=row[1], modified=row[2]) if row else None


def _digest(content: bytes) -> str:
    # Loaded here: most machines that ask for the first time have nothing kept, and OpenSSL takes 4 ms to load.
    import hashlib

    return hashlib.sha256(content).hexdigest()


def _parse(content: bytes, url: str) -> KeptPage | None:
    digest, _, body = content.partition(b"\n")
    if _digest(body).encode() != digest:
        return None
    data = json.loads(body)
    if data["schema"] != _SCHEMA or data["url"] != url:
        return None
    return KeptPage(
        stamp=_stamp(data.get("stamp")),
        files=tuple(
            IndexFile(
                filename=filename,
                url=file_url,
                hashes=tuple((name, value) for name, value in hashes),
                requires_python=requires_python,
                yanked=yanked,
                size=size,
                metadata=metadata,
            )
            for filename, file_url, hashes, requires_python, yanked, size, metadata in data["files"]
        ),
        names=tuple(data["names"]),
        as_of=data["as_of"],
    )
