"""The context value: clock, environment, home, places and terminal, read once at the program's edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from torchup.model.quick import dataclass

Mode = Literal["wizard", "unattended", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """torchup's own folders, by platformdirs, already below `--root` where one is given."""

    config: Path
    state: Path
    cache: Path
    log: Path

    @property
    def journal(self) -> Path:
        """The folder with one journal file per run."""
        return self.state / "journal"

    @property
    def backups(self) -> Path:
        """The folder with the bytes that were there before."""
        return self.state / "backups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What the standard streams can do. `plain` asks for numbered lines and no cursor movement."""

    stdin_is_terminal: bool
    stdout_is_terminal: bool
    stderr_is_terminal: bool
    columns: int = 80
    color: bool = False
    plain: bool = False
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that would otherwise be read from the process at odd moments.

    `root` is the prefix below which every write goes (`/` without `--root`). `home` is the home as the
    user sees it; a path is written at `root` + path.
    """

    environ: Mapping[str, str]
    home: Path
    cwd: Path
    root: Path
    places: Places
    terminal: Terminal
    now: Callable[[], datetime]

    def below_root(self, path: Path) -> Path:
        """Give the place on disk where an absolute path is written."""
        if self.root == Path("/") or path.is_relative_to(self.root):
            return path
        return self.root / path.relative_to(path.anchor)
