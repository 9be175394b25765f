"""Copies of the bytes that were there before, named by their digest and checked by reading them back."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.os_calls import REAL_CALLS, OsCalls
from torchup.words import tr


def sha256(content: bytes) -> str:
    """Give the digest by which contents are compared, in hex."""
    return hashlib.sha256(content).hexdigest()


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may read; those above it that are missing get 0755 at most."""
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


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
        for left in self.folder.glob("*.tmp"):  # of a run that was killed; only one is at work at a time
            left.unlink(missing_ok=True)
        temporary = f"{path}.{os.getpid()}.tmp"
        fd = self.calls.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            view = memoryview(content)
            while view:
                view = view[self.calls.write(fd, view) :]
            self.calls.fsync(fd)
        finally:
            self.calls.close(fd)
        self.calls.replace(temporary, str(path))
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
