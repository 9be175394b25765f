"""A package manager that only writes down what it is told: `apt-get` and dpkg's records below a folder.

With it runs over system packages need no root. The real ones are in tests/system/test_debian_*.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from torchup.apply import installed_packages, package_relations, real_system
from torchup.model.plan import AddRepository, Command, InstallSystemPackages

APT_GET = """#!/bin/sh
# Knows install, update and remove; dependencies of a package are what a file of its name holds.
set -eu
root={root}
echo "$@" >>"$root/calls"
status=$root/var/lib/dpkg/status
add() {{
  printf 'Package: %s\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1.0-1\\n\\n' "$1" >>"$status"
  if [ -e "$root/needs/$1" ]; then for more in $(cat "$root/needs/$1"); do add "$more"; done; fi
}}
verb=
for word; do
  case $word in
    -* | *::*) ;;
    install | update | remove) verb=$word ;;
    *) if [ "$verb" = install ]; then
      [ -e "$root/knows/$word" ] || {{ echo "E: Unable to locate package $word" >&2; exit 100; }}
      add "$word"
    fi ;;
  esac
done
[ ! -e "$root/fails" ] || {{ cat "$root/fails" >&2; exit 100; }}
"""


@dataclass(frozen=True, slots=True)
class StandInApt:
    """The folder of the stand-in; `program` is its apt-get."""

    root: Path

    @classmethod
    def create(cls, root: Path, monkeypatch: pytest.MonkeyPatch) -> StandInApt:
        """Make it, and let torchup read its records in place of the machine's."""
        for folder in ("var/lib/dpkg/updates", "needs", "knows"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").write_text(
            "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n\n"
        )
        apt = cls(root)
        apt.program.write_text(APT_GET.format(root=root))
        apt.program.chmod(0o755)
        monkeypatch.setattr(
            real_system, "installed_packages", partial(installed_packages.installed_packages, root=root)
        )
        monkeypatch.setattr(real_system, "package_relations", partial(package_relations.package_relations, root=root))
        monkeypatch.setattr(real_system, "dpkg_was_cut_off", partial(installed_packages.dpkg_was_cut_off, root))
        return apt

    @property
    def program(self) -> Path:
        return self.root / "apt-get"

    @property
    def calls(self) -> list[str]:
        """What it was told, call by call."""
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def offer(self, name: str, *needs: str) -> None:
        """Have a package to install, and what comes with it."""
        (self.root / "knows" / name).write_text("")
        if needs:
            (self.root / "needs" / name).write_text(" ".join(needs))

    def fail(self, text: str) -> None:
        """End every further call with this text."""
        (self.root / "fails").write_text(text)

    @property
    def installed(self) -> set[str]:
        return {package.name for package in installed_packages.installed_packages("apt", self.root)}

    def install(self, *packages: str, id: str = "packages") -> InstallSystemPackages:  # noqa: A002 - a step's own word
        """Make the step that installs these."""
        return InstallSystemPackages(
            id=id,
            summary=f"Install {', '.join(packages)}",
            why="PyTorch needs it.",
            privilege="user",
            manager="apt",
            packages=packages,
            commands=(Command(argv=(str(self.program), "install", "-y", *packages)),),
            undo_commands=(Command(argv=("apt-get", "remove", "--autoremove", *packages)),),
        )

    def repository(self, **changes: object) -> AddRepository:
        """Make the step that reads the lists."""
        step = AddRepository(
            id="repository",
            summary="Read the package lists",
            why="The packages come from there.",
            privilege="user",
            name="the repository",
            commands=(Command(argv=(str(self.program), "update")),),
        )
        from dataclasses import replace

        return replace(step, **changes)  # type: ignore[arg-type]
