"""The system of a dry run: answers later questions as if the earlier changes had been made, and makes none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from torchup.apply.atomic_write import DEFAULT_MODE
from torchup.apply.system import NOTHING, Brings, Completed, FileState, MachineView
from torchup.apply.write_errors import missing_file
from torchup.model.plan import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file would be written: what was there, and what then is."""

    path: str
    before: FileState
    after: FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDirectory:
    """Directories would be made, outermost first; the last one gets `mode`."""

    paths: tuple[str, ...]
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A file, an empty directory or an environment would be removed."""

    path: str
    before: FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command would be run."""

    command: Command
    as_root: bool


Effect = Written | MadeDirectory | Removed | Ran


@dataclass(slots=True, kw_only=True)
class RecordingSystem:
    """Records what it is told to do over a system that it only looks at."""

    base: MachineView
    effects: list[Effect] = field(default_factory=list)
    _files: dict[str, FileState] = field(default_factory=dict)
    _distributions: dict[str, dict[str, str]] = field(default_factory=dict)

    def look(self, path: str) -> FileState:
        """Tell what would be at a path by now."""
        known = self._files.get(path)
        if known is not None:
            return known
        state = self.base.look(path)
        return self._files.get(state.real_path, state)

    def write_file(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        """Record that a file would be written; refuses what the real system would refuse."""
        before = self.look(path)
        if before.kind == "absent" and not create:
            raise missing_file(path)
        kept = before.mode if before.mode is not None else DEFAULT_MODE
        after = replace(before, kind="file", content=content, mode=kept if mode is None else mode)
        self.effects.append(Written(path=path, before=before, after=after))
        self._files[before.real_path] = after

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Record the directories that are missing."""
        place = PurePath(path)
        missing = [str(part) for part in (place, *place.parents) if self.look(str(part)).kind == "absent"]
        created = tuple(reversed(missing))
        if created:
            self.effects.append(MadeDirectory(paths=created, mode=mode))
        self._exist(created)
        return created

    def remove_file(self, path: str) -> None:
        """Record that a file would be removed."""
        before = self.look(path)
        if before.kind == "file":
            self.effects.append(Removed(path=path, before=before))
            self._files[path] = FileState(kind="absent", real_path=path)

    def remove_directory(self, path: str) -> None:
        """Record that a directory would be removed, if it is empty by then."""
        before = self.look(path)
        if before.kind == "directory":
            self.effects.append(Removed(path=path, before=before))

    def remove_tree(self, path: str) -> None:
        """Record that an environment would be removed."""
        before = self.look(path)
        if before.kind != "absent":
            self.effects.append(Removed(path=path, before=before))
            self._files[path] = FileState(kind="absent", real_path=path)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Tell what would be installed by now."""
        if python not in self._distributions:
            self._distributions[python] = self.base.installed_distributions(python)
        return dict(self._distributions[python])

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Record a command and believe what it is to bring about."""
        del on_output
        self.effects.append(Ran(command=command, as_root=as_root))
        self._exist(brings.directories)
        for path in brings.files:
            self._files[path] = FileState(kind="file", content=b"", mode=DEFAULT_MODE, real_path=path)
        if brings.python is not None:
            self._distributions[brings.python] = self.installed_distributions(brings.python) | dict(
                brings.distributions
            )
        return Completed(returncode=0, tail="")

    def boot_id(self) -> str:
        """Tell this start of the machine from the next one."""
        return self.base.boot_id()

    def _exist(self, directories: tuple[str, ...]) -> None:
        for path in directories:
            self._files[path] = FileState(kind="directory", mode=0o755, empty=True, real_path=path)
