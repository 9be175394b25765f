"""The real machine as a step sees it that runs as root: the same, but its files are changed by root."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.apply.backups import sha256
from torchup.apply.change import Folder, UserVariable
from torchup.apply.environment_contents import Contents, Known
from torchup.apply.root_files import RootFiles
from torchup.apply.system import (
    ANY_CONTENT,
    NOTHING,
    Brings,
    Completed,
    FileState,
    Noted,
    Relations,
    System,
    SystemPackage,
)
from torchup.apply.write_errors import changed_meanwhile
from torchup.errors import StepError
from torchup.model.plan import Command

if TYPE_CHECKING:
    from torchup.apply.real_system import RealSystem


@dataclass(frozen=True, slots=True)
class RootView:
    """A view of the real system for steps with privilege root; root is asked for only when something is changed."""

    base: RealSystem

    def look(self, path: str) -> FileState:
        """Tell what is at a path; root reads what the user may not."""
        try:
            return self.base.look(path)
        except StepError as error:
            state = None
            if isinstance(error.__cause__, PermissionError) and (files := self._files()) is not None:
                state = files.look(path)
            if state is None:
                raise
            return state

    def write_file(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Replace or create a file atomically; it keeps its owner, a new one is root's."""
        files = self._files()
        if files is None:
            self.base.write_file(path, content, mode=mode, create=create, expected=expected)
            return
        self.base.inside(path)
        self._require(path, expected)
        files.write(path, content, mode=mode, create=create)

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Create a directory and its missing parents; return those that were created, outermost first."""
        files = self._files()
        if files is None:
            return self.base.make_directory(path, mode)
        self.base.inside(path)
        missing = [place for place in (Path(path), *Path(path).parents) if not place.exists()]
        created = []
        for place in reversed(missing):
            files.make_directory(str(place), mode if place == Path(path) else 0o755)
            created.append(str(place))
        return tuple(created)

    def link_target(self, path: str) -> str | None:
        """Tell where a symbolic link leads, None when there is no link at this path."""
        return self.base.link_target(path)

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link; those are never root's."""
        self.base.make_link(path, target)

    def remove_link(self, path: str) -> None:
        """Remove a symbolic link."""
        self.base.remove_link(path)

    def remove_file(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Remove a file; a missing one is fine."""
        files = self._files()
        if files is None:
            self.base.remove_file(path, expected=expected)
            return
        self.base.inside(path)
        self._require(path, expected)
        files.remove_file(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is missing or not empty is left alone."""
        files = self._files()
        if files is None:
            self.base.remove_directory(path)
            return
        self.base.inside(path)
        if Path(path).is_dir():
            files.remove_directory(path)

    def folder(self, path: str) -> Folder | None:
        """Tell which folder is at a path."""
        return self.base.folder(path)

    def another_folder(self, path: str, made: Folder | None, run: str | None = None) -> str | None:
        """Say why what is at a path is not the folder that was made there."""
        return self.base.another_folder(path, made, run)

    def environment_contents(self, known: Known, absent: Collection[str] = ()) -> Contents:
        """Tell what of an environment torchup brought; those are never root's."""
        return self.base.environment_contents(known, absent)

    def note_packages(self, environment: str, names: Collection[str] | None = None) -> Noted:
        """Tell which packages an environment holds."""
        return self.base.note_packages(environment, names)

    def edited_packages(self, environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
        """Give a file that is not as it was installed, by package."""
        return self.base.edited_packages(environment, records, as_of)

    def note_environment(self, path: str, run: str) -> Noted:
        """Leave the marker of this run in an environment."""
        return self.base.note_environment(path, run)

    def remove_contents(self, contents: Contents, *, keep_folder: bool = False) -> None:
        """Remove what torchup brought into an environment."""
        self.base.remove_contents(contents, keep_folder=keep_folder)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Read what is installed for an interpreter."""
        return self.base.installed_distributions(python)

    def damaged_distributions(self, python: str, names: Collection[str]) -> dict[str, str]:
        """Give the first file that is missing or cut short, by distribution."""
        return self.base.damaged_distributions(python, names)

    def lacking_extras(self, python: str, requirements: Collection[str]) -> tuple[str, ...]:
        """Give the requirements whose extras are not installed whole."""
        return self.base.lacking_extras(python, requirements)

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Read what a package manager has installed."""
        return self.base.system_packages(manager)

    def package_relations(self, manager: str) -> Mapping[SystemPackage, Relations]:
        """Read what the installed packages need of each other."""
        return self.base.package_relations(manager)

    def manager_settings(self) -> frozenset[str]:
        """Read what the package managers are told."""
        return self.base.manager_settings()

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell whether a package manager has to finish its work first."""
        return self.base.manager_was_cut_off(manager)

    def fetch(self, url: str, path: str, *, sha256: str | None, mode: int, on_output: Callable[[str], None]) -> None:
        """Fetch as the user, check, and only then let root put the file in its place."""
        files = self._files()
        if files is None:
            self.base.fetch(url, path, sha256=sha256, mode=mode, on_output=on_output)
            return
        self.base.inside(path)
        with self.base.fetched(url, sha256=sha256, on_output=on_output) as temporary:
            files.put(temporary, path, mode=mode, create=not Path(path).exists())

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command."""
        return self.base.run(command, as_root=as_root, brings=brings, on_output=on_output)

    def read_variable(self, name: str) -> UserVariable | None:
        """Read a variable of the user's account."""
        return self.base.read_variable(name)

    def write_variable(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a variable of the user's account."""
        self.base.write_variable(name, value)

    def as_root(self) -> System:
        """Give this view."""
        return self

    def enroll(self, command: Command, *, on_output: Callable[[str], None] | None = None) -> Completed:
        """Enrol a key."""
        return self.base.enroll(command, on_output=on_output)

    def boot_id(self) -> str:
        """Tell this start of the machine from the next one."""
        return self.base.boot_id()

    def clean(self, path: str) -> None:
        """Remove what a killed run left beside a file of the user's; root's own helper leaves nothing behind."""
        if self._files() is None:
            self.base.clean(path)

    def _require(self, path: str, expected: str | None) -> None:
        """Raise StepError (file-changed) when the file is not the one that is to be replaced."""
        if expected == ANY_CONTENT:
            return
        content = self.look(path).content
        if (None if content is None else sha256(content)) != expected:
            raise changed_meanwhile(path)

    def _files(self) -> RootFiles | None:
        """Give the way to root's files; None when torchup runs as root and needs none."""
        elevation = self.base.elevation() if self.base.elevation is not None else None
        if elevation is None or elevation.way == "root":
            return None
        return RootFiles(elevation=elevation, note=self.base.note)
