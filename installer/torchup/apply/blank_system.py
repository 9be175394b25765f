"""A machine that is not this one: only its home is known to be there, and nothing in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from torchup.apply.system import FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class BlankSystem:
    """What a dry run for another machine looks at."""

    home: PurePath

    def look(self, path: str) -> FileState:
        """Tell that there is nothing, but for the home and what is above it."""
        if PurePath(path) in (self.home, *self.home.parents):
            return FileState(kind="directory", mode=0o755, real_path=path)
        return FileState(kind="absent", real_path=path)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Tell that nothing is installed."""
        del python
        return {}

    def boot_id(self) -> str:
        """Give the id of a start that is not known."""
        return ""
