"""The folder of torchup's own files for a person: answers and env files."""

from __future__ import annotations

from torchup.model.plan import MakeDirectory
from torchup.words import tr


def config_folder(path: str, *, why: str) -> MakeDirectory:
    """Give the step that makes it; answers may name private places, so nobody else is to look into it."""
    return MakeDirectory(id="config-folder", summary=tr("Make {path}", path=path), why=why, path=path, mode=0o700)
