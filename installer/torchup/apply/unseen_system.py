"""A machine that is only described in a facts file: the base of a dry run for it, with nothing on it yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self

from torchup.apply.change import Folder, UserVariable
from torchup.apply.environment_contents import Contents, Known
from torchup.apply.system import FileState, Noted, Relations, SystemPackage
from torchup.model.context import Context
from torchup.model.plan import Download, Plan, WriteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenSystem:
    """A machine whose disk nobody has seen: of all paths only `folders` are there, and no package is installed."""

    folders: frozenset[str]

    def look(self, path: str) -> FileState:
        """Tell that nothing is there but the folders that every such system has."""
        if path in self.folders:
            return FileState(kind="directory", mode=0o755, real_path=path)
        return FileState(kind="absent", real_path=path)

    def folder(self, path: str) -> Folder | None:
        """Tell of no folder: which one it is, nobody has seen."""
        del path
        return None

    def another_folder(self, path: str, made: Folder | None, run: str | None = None) -> str | None:
        """Tell of no other folder."""
        del path, made, run
        return None

    def environment_contents(self, known: Known, absent: Collection[str] = ()) -> Contents:
        """Tell of an environment that is not there."""
        del absent
        return Contents(path=known.path, exists=False)

    def note_packages(self, environment: str, names: Collection[str] | None = None) -> Noted:
        """Tell of no packages."""
        del environment, names
        return Noted()

    def edited_packages(self, environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
        """Tell of no packages."""
        del environment, records, as_of
        return {}

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Tell of an interpreter that has nothing installed."""
        del python
        return {}

    def damaged_distributions(self, python: str, names: Collection[str]) -> dict[str, str]:
        """Tell of an interpreter that has nothing installed."""
        del python, names
        return {}

    def lacking_extras(self, python: str, requirements: Collection[str]) -> tuple[str, ...]:
        """Tell of an interpreter that has nothing installed."""
        del python, requirements
        return ()

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Tell of a package manager that has installed nothing which the plan is about."""
        del manager
        return frozenset()

    def package_relations(self, manager: str) -> Mapping[SystemPackage, Relations]:
        """Tell of nothing that needs anything."""
        del manager
        return {}

    def manager_settings(self) -> frozenset[str]:
        """Tell of package managers that were told nothing."""
        return frozenset()

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell that it was not."""
        del manager
        return False

    def link_target(self, path: str) -> str | None:
        """Tell that there is no link."""
        del path
        return None

    def read_variable(self, name: str) -> UserVariable | None:
        """Tell that the account has no such variable."""
        del name
        return None

    def as_root(self) -> Self:
        """Give the same machine."""
        return self

    def boot_id(self) -> str:
        """Give a start that is not this machine's."""
        return "unseen"


def unseen_system(plan: Plan, context: Context) -> UnseenSystem:
    """Make the machine for a plan: the folders of its system files are there, and the home."""
    files = [step.path for step in plan.steps if isinstance(step, Download | WriteFile) and step.privilege == "root"]
    folders = {str(parent) for file in (*files, f"{context.home}/.") for parent in PurePath(file).parents}
    return UnseenSystem(folders=frozenset({*folders, str(context.home)}))
