"""CacheControl's file cache, made robust."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from cachecontrol.caches import FileCache

from torchup.private_folders import make_private_folder


class CheckedFileCache(FileCache):
    """CacheControl's file cache with a digest before each entry: a damaged entry is dropped, not parsed.

    A folder that cannot be written is no reason to fail a look-up, so such errors count as "not cached".
    """

    def get(self, key: str) -> bytes | None:
        """Give an entry; a damaged one is deleted and counts as none."""
        with contextlib.suppress(OSError):
            entry = super().get(key)
            if entry is None:
                return None
            digest, value = entry[:32], entry[32:]
            if hashlib.sha256(value).digest() == digest:
                return value
            self.delete(key)
        return None

    def set(self, key: str, value: bytes, expires: Any = None) -> None:
        """Store an entry with its digest."""
        with contextlib.suppress(OSError):
            make_private_folder(Path(self.directory))
            super().set(key, hashlib.sha256(value).digest() + value, expires)

    def delete(self, key: str) -> None:
        """Delete an entry."""
        with contextlib.suppress(OSError):
            super().delete(key)
