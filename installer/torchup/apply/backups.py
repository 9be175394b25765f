"""Copies of the bytes that were there before, named by their digest and checked by reading them back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.os_calls import REAL_CALLS, OsCalls
from torchup.apply.private_files import drop, sweep, write_beside
from torchup.private_folders import make_private_folder
from torchup.words import tr


def sha256(content: bytes) -> str:
    """Give the digest by which contents are compared, in hex."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Backups:
    """A folder of files named by the sha256 of their content; nothing in it is ever overwritten."""

    folder: Path
    calls: OsCalls = REAL_CALLS

    def keep(self, content: bytes) -> str:
        """Keep these bytes and give their digest. Raises OSError when they did not arrive on the disk."""
        digest = sha256(content)
        path = self.folder / digest
        if self._has(digest):
            return digest
        make_private_folder(self.folder)
        sweep(self.folder)
        temporary = write_beside(path, content, self.calls)
        try:
            self.calls.replace(str(temporary), str(path))
        except BaseException:
            drop(temporary, self.calls)
            raise
        if not self._has(digest):
            raise OSError(tr("the backup {path} does not hold what was written", path=path))
        return digest

    def read(self, digest: str) -> bytes | None:
        """Give the bytes with this digest, or None when they are not (or no longer) there whole."""
        try:
            content = (self.folder / digest).read_bytes()
        except FileNotFoundError:
            return None
        return content if sha256(content) == digest else None

    def path(self, digest: str) -> Path:
        """Tell where the bytes with this digest are kept."""
        return self.folder / digest

    def _has(self, digest: str) -> bool:
        return self.read(digest) is not None
