"""A machine that is only described in a facts file: the base of a dry run for it, with nothing on it yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from torchup.apply.system import NOTHING, Brings, Completed, FileState, System, SystemPackage
from torchup.model.context import Context
from torchup.model.plan import Command, Download, Plan, WriteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenSystem:
    """A machine whose disk nobody has seen: of all paths only `folders` are there, and no package is installed."""

    folders: frozenset[str]

    def look(self, path: str) -> FileState:
        """Tell that nothing is there but the folders that every such system has."""
        if path in self.folders:
            return FileState(kind="directory", mode=0o755, real_path=path)
        return FileState(kind="absent", real_path=path)

    def write_file(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        """Never called: the recording system writes nothing."""
        raise AssertionError(path, len(content), mode, create)

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Never called."""
        raise AssertionError(path, mode)

    def remove_file(self, path: str) -> None:
        """Never called."""
        raise AssertionError(path)

    def remove_directory(self, path: str) -> None:
        """Never called."""
        raise AssertionError(path)

    def remove_tree(self, path: str) -> None:
        """Never called."""
        raise AssertionError(path)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Tell of an interpreter that has nothing installed."""
        del python
        return {}

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Never called."""
        raise AssertionError(command, as_root, brings, on_output)

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Tell of a package manager that has installed nothing which the plan is about."""
        del manager
        return frozenset()

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell that it was not."""
        del manager
        return False

    def fetch(self, url: str, path: str, *, sha256: str | None, mode: int, on_output: Callable[[str], None]) -> None:
        """Never called."""
        raise AssertionError(url, path, sha256, mode, on_output)

    def as_root(self) -> System:
        """Give the same machine."""
        return self

    def enroll(self, command: Command, *, on_output: Callable[[str], None] | None = None) -> Completed:
        """Never called."""
        raise AssertionError(command, on_output)

    def boot_id(self) -> str:
        """Give a start that is not this machine's."""
        return "unseen"


def unseen_system(plan: Plan, context: Context) -> UnseenSystem:
    """Make the machine for a plan: the folders of its system files are there, and the home."""
    files = [step.path for step in plan.steps if isinstance(step, Download | WriteFile) and step.privilege == "root"]
    folders = {str(parent) for file in (*files, f"{context.home}/.") for parent in PurePath(file).parents}
    return UnseenSystem(folders=frozenset({*folders, str(context.home)}))
