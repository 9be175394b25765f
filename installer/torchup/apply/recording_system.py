"""The system of a dry run: answers later questions as if the earlier changes had been made, and makes none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from torchup.apply.atomic_write import DEFAULT_MODE
from torchup.apply.change import Folder, UserVariable
from torchup.apply.environment_contents import Contents, Known
from torchup.apply.system import (
    ANY_CONTENT,
    NOTHING,
    Brings,
    Completed,
    FileState,
    MachineView,
    Noted,
    Relations,
    System,
    SystemPackage,
)
from torchup.apply.write_errors import missing_file
from torchup.model.plan import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file would be written: what was there, and what then is."""

    path: str
    before: FileState
    after: FileState
    as_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDirectory:
    """Directories would be made, outermost first; the last one gets `mode`."""

    paths: tuple[str, ...]
    mode: int
    as_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A symbolic link would be made."""

    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A file, an empty directory or an environment would be removed."""

    path: str
    before: FileState
    as_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file would be fetched; `before` is what is there."""

    url: str
    path: str
    sha256: str | None
    mode: int
    before: FileState
    as_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command would be run."""

    command: Command
    as_root: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSet:
    """A variable of the Windows user's account would be set, or deleted."""

    name: str
    before: UserVariable | None
    after: UserVariable | None


Effect = Written | MadeDirectory | Linked | Removed | Fetched | Ran | VariableSet


@dataclass(slots=True, kw_only=True)
class RecordingSystem:
    """Records what it is told to do over a system that it only looks at."""

    base: MachineView
    effects: list[Effect] = field(default_factory=list)
    _files: dict[str, FileState] = field(default_factory=dict)
    _links: dict[str, str | None] = field(default_factory=dict)
    _distributions: dict[str, dict[str, str]] = field(default_factory=dict)
    _installed_into: set[str] = field(default_factory=set)
    _packages: dict[str, frozenset[SystemPackage]] = field(default_factory=dict)
    _settings: set[str] = field(default_factory=set)
    _root: bool = False
    _variables: dict[str, UserVariable | None] = field(default_factory=dict)

    def look(self, path: str) -> FileState:
        """Tell what would be at a path by now."""
        known = self._files.get(path)
        if known is not None:
            return known
        state = self.base.look(path)
        return self._files.get(state.real_path, state)

    def write_file(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Record that a file would be written; refuses what the real system would refuse."""
        del expected  # what a dry run sees is what it looked at
        before = self.look(path)
        if before.kind == "absent" and not create:
            raise missing_file(path)
        kept = before.mode if before.mode is not None else DEFAULT_MODE
        after = replace(before, kind="file", content=content, mode=kept if mode is None else mode)
        self.effects.append(Written(path=path, before=before, after=after, as_root=self._root))
        self._files[before.real_path] = after

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Record the directories that are missing."""
        place = PurePath(path)
        missing = [str(part) for part in (place, *place.parents) if self.look(str(part)).kind == "absent"]
        created = tuple(reversed(missing))
        if created:
            self.effects.append(MadeDirectory(paths=created, mode=mode, as_root=self._root))
        self._exist(created)
        return created

    def link_target(self, path: str) -> str | None:
        """Tell where a link would lead by now."""
        return self._links[path] if path in self._links else self.base.link_target(path)

    def make_link(self, path: str, target: str) -> None:
        """Record that a link would be made."""
        self.effects.append(Linked(path=path, target=target))
        self._links[path] = target

    def remove_link(self, path: str) -> None:
        """Record that a link would be removed."""
        if self.link_target(path) is not None:
            self.effects.append(Removed(path=path, before=self.look(path)))
            self._links[path] = None

    def remove_file(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Record that a file would be removed."""
        del expected
        before = self.look(path)
        if before.kind == "file":
            self.effects.append(Removed(path=path, before=before, as_root=self._root))
            self._files[path] = FileState(kind="absent", real_path=path)

    def clean(self, path: str) -> None:
        """Record nothing: what a killed run left is no part of a plan."""

    def remove_directory(self, path: str) -> None:
        """Record that a directory would be removed, if it is empty by then."""
        before = self.look(path)
        if before.kind == "directory" and all(self._is_gone(f"{path.rstrip('/')}/{name}") for name in before.names):
            self.effects.append(Removed(path=path, before=before, as_root=self._root))
            self._files[path] = FileState(kind="absent", real_path=path)

    def _is_gone(self, path: str) -> bool:
        return self.link_target(path) is None and self.look(path).kind == "absent"

    def folder(self, path: str) -> Folder | None:
        """Tell which folder is at a path; of one that would be made nothing is known."""
        return self.base.folder(path)

    def another_folder(self, path: str, made: Folder | None, run: str | None = None) -> str | None:
        """Say why what is at a path is not the folder that was made there."""
        return self.base.another_folder(path, made, run)

    def environment_contents(self, known: Known, absent: Collection[str] = ()) -> Contents:
        """Tell what of an environment would be left by now, and whose."""
        gone = {*absent, *(path for path, state in self._files.items() if state.kind == "absent")}
        gone |= {path for path, target in self._links.items() if target is None}
        return self.base.environment_contents(known, gone)

    def note_packages(self, environment: str, names: Collection[str] | None = None) -> Noted:
        """Tell which packages an environment holds."""
        return self.base.note_packages(environment, names)

    def edited_packages(self, environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
        """Give a file that is not as it was installed, by package."""
        return self.base.edited_packages(environment, records, as_of)

    def note_environment(self, path: str, run: str) -> Noted:
        """Note nothing: the environment would be there, and is not."""
        del path, run
        return Noted()

    def remove_contents(self, contents: Contents, *, keep_folder: bool = False) -> None:
        """Record that an environment would be removed, or what torchup brought into it."""
        before = self.look(contents.path)
        if before.kind != "absent":
            self.effects.append(Removed(path=contents.path, before=before, as_root=self._root))
        if contents.whole and not keep_folder:
            self._files[contents.path] = FileState(kind="absent", real_path=contents.path)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Tell what would be installed by now."""
        if python not in self._distributions:
            self._distributions[python] = self.base.installed_distributions(python)
        return dict(self._distributions[python])

    def damaged_distributions(self, python: str, names: Collection[str]) -> dict[str, str]:
        """Tell what is damaged and would not have been installed again by now."""
        return {} if python in self._installed_into else self.base.damaged_distributions(python, names)

    def lacking_extras(self, python: str, requirements: Collection[str]) -> tuple[str, ...]:
        """Tell whose extras would still not be installed by now."""
        return () if python in self._installed_into else self.base.lacking_extras(python, requirements)

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Tell what would be installed by now."""
        if manager not in self._packages:
            self._packages[manager] = self.base.system_packages(manager)
        return self._packages[manager]

    def package_relations(self, manager: str) -> Mapping[SystemPackage, Relations]:
        """Tell what the packages that are there need of each other."""
        return self.base.package_relations(manager)

    def manager_settings(self) -> frozenset[str]:
        """Tell what the package managers would be told by now."""
        return self.base.manager_settings() | self._settings

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell whether the package manager has to finish its work first."""
        return self.base.manager_was_cut_off(manager)

    def fetch(self, url: str, path: str, *, sha256: str | None, mode: int, on_output: Callable[[str], None]) -> None:
        """Record that a file would be fetched; what is in it is not known."""
        del on_output
        before = self.look(path)
        self.effects.append(Fetched(url=url, path=path, sha256=sha256, mode=mode, before=before, as_root=self._root))
        self._files[before.real_path] = FileState(kind="file", content=b"", mode=mode, real_path=before.real_path)

    def as_root(self) -> System:
        """Give the same recording, whose further effects on files are root's."""
        return replace(self, base=self.base.as_root(), _root=True)

    def enroll(self, command: Command, *, on_output: Callable[[str], None] | None = None) -> Completed:
        """Record the command as a person would type it: mokutil then asks for the password itself."""
        return self.run(command, as_root=True, on_output=on_output)

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
            self._installed_into.add(brings.python)
            self._distributions[brings.python] = self.installed_distributions(brings.python) | dict(
                brings.distributions
            )
        if brings.manager is not None:
            named = {package.name for package in brings.packages}
            others = {package for package in self.system_packages(brings.manager) if package.name not in named}
            self._packages[brings.manager] = frozenset({*others, *brings.packages})
        self._settings.update(brings.settings)
        return Completed(returncode=0, tail="")

    def read_variable(self, name: str) -> UserVariable | None:
        """Tell what a variable of the user's account would be by now."""
        if name not in self._variables:
            self._variables[name] = self.base.read_variable(name)
        return self._variables[name]

    def write_variable(self, name: str, value: UserVariable | None) -> None:
        """Record that a variable of the user's account would be set or deleted."""
        self.effects.append(VariableSet(name=name, before=self.read_variable(name), after=value))
        self._variables[name] = value

    def boot_id(self) -> str:
        """Tell this start of the machine from the next one."""
        return self.base.boot_id()

    def _exist(self, directories: tuple[str, ...]) -> None:
        for path in directories:
            self._files[path] = FileState(kind="directory", mode=0o755, empty=True, real_path=path)
