"""Package managers as commands: whose they are, what keeps them from asking, what may be stopped, what they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Literal

from torchup.apply.system import SystemPackage
from torchup.model.plan import Command

Manager = Literal["apt", "dnf", "zypper", "pacman"]

_PROGRAMS: Mapping[str, Manager] = {
    "apt": "apt",
    "apt-get": "apt",
    "aptitude": "apt",
    "dpkg": "apt",
    "dnf": "dnf",
    "dnf5": "dnf",
    "yum": "dnf",
    "rpm": "dnf",
    "zypper": "zypper",
    "pacman": "pacman",
}
_ENGLISH = {"LC_ALL": "C.UTF-8"}
"""Failures are known by what the manager prints, and that is translated."""
_QUIET: Mapping[Manager, Mapping[str, str]] = {
    "apt": {
        **_ENGLISH,
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBIAN_PRIORITY": "critical",
        "APT_LISTCHANGES_FRONTEND": "none",
        "NEEDRESTART_SUSPEND": "1",
        "UCF_FORCE_CONFFOLD": "1",
    },
    "dnf": _ENGLISH,
    "zypper": {**_ENGLISH, "ZYPP_LOCK_TIMEOUT": "600"},
    "pacman": _ENGLISH,
}
_HARMLESS: Mapping[Manager, re.Pattern[str]] = {
    "apt": re.compile(r"update|download|--download-only|-d|--print-uris"),
    "dnf": re.compile(r"makecache|check-update|--downloadonly"),
    "zypper": re.compile(r"refresh|ref|--download-only|-d"),
    "pacman": re.compile(r"-Syu?w|-Sw|--downloadonly"),
}
_DEB_FILE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)_(?P<version>[^_]+)(?:_(?P<architecture>[^_]+))?\.deb")
CONFIGURE = Command(argv=("dpkg", "--force-confold", "--configure", "-a"), environment=dict(_QUIET["apt"]))
"""Finishes what a dpkg that was ended left half done."""
MEND = "sudo dpkg --configure -a"


def manager_of(argv: tuple[str, ...]) -> Manager | None:
    """Tell whose command this is; None when it is no package manager's."""
    return _PROGRAMS.get(PurePath(argv[0]).name) if argv else None


def quiet(command: Command) -> Command:
    """Keep a package manager from asking anything and from translating its messages; the plan's own word wins."""
    manager = manager_of(command.argv)
    if manager is None:
        return command
    return replace(command, environment={**_QUIET[manager], **command.environment})


def can_stop(argv: tuple[str, ...]) -> bool:
    """Tell whether a command may be stopped at any moment: it reads lists or downloads, and installs nothing."""
    manager = manager_of(argv)
    return manager is not None and any(_HARMLESS[manager].fullmatch(word) for word in argv[1:])


def lacking(wanted: Iterable[str], installed: Iterable[SystemPackage]) -> tuple[str, ...]:
    """Give those of the wanted packages that are not installed whole."""
    by_name = _by_name(package for package in installed if package.whole)
    return tuple(spec for spec in wanted if not _meant(spec, by_name))


def matching(spec: str, installed: Iterable[SystemPackage]) -> tuple[SystemPackage, ...]:
    """Give the installed packages that a word names, whole or not."""
    return tuple(_meant(spec, _by_name(installed)))


def expected(spec: str) -> SystemPackage:
    """Give the package that a word names, as far as the word tells."""
    name, _, version = spec.partition("=")
    name, _, architecture = name.partition(":")
    if match := _DEB_FILE.fullmatch(PurePath(spec).name):
        return SystemPackage(match["name"], match["version"], match["architecture"] or "")
    return SystemPackage(name, version.replace("*", "0"), architecture)


def _by_name(installed: Iterable[SystemPackage]) -> Mapping[str, list[SystemPackage]]:
    by_name: dict[str, list[SystemPackage]] = {}
    for package in installed:
        by_name.setdefault(package.name, []).append(package)
    return by_name


def _meant(spec: str, by_name: Mapping[str, list[SystemPackage]]) -> list[SystemPackage]:
    if match := _DEB_FILE.fullmatch(PurePath(spec).name):
        return [package for package in by_name.get(match["name"], ()) if _same(match["version"], package)]
    name, equals, version = spec.partition("=")
    name, _, architecture = name.partition(":")
    found = [
        package
        for package in by_name.get(name, ())
        if (not equals or _same(version, package)) and architecture in ("", package.architecture, "any")
    ]
    if found or equals:
        return found
    # rpm names a version behind a dash: kernel-devel-6.1.0-1.el9.x86_64. A name can hold dashes itself.
    parts = spec.split("-")
    for cut in range(len(parts) - 1, 0, -1):
        rest = "-".join(parts[cut:])
        if found := [one for one in by_name.get("-".join(parts[:cut]), ()) if rest in _rpm_versions(one)]:
            return found
    name, dot, architecture = spec.rpartition(".")
    return [one for one in by_name.get(name, ()) if dot and one.architecture == architecture]


def _same(pattern: str, package: SystemPackage) -> bool:
    plain = package.version.partition(":")[2] or package.version
    return any(fnmatchcase(version, pattern) for version in (package.version, plain))


def _rpm_versions(package: SystemPackage) -> tuple[str, ...]:
    full = package.version.partition(":")[2] or package.version
    version = full.partition("-")[0]
    return (full, version, f"{full}.{package.architecture}")


def naming_only(
    commands: Iterable[Command], packages: Iterable[str], there_before: Iterable[str]
) -> tuple[Command, ...]:
    """Take the packages that were there before out of commands that install or remove packages.

    Naming one would bring it up to date, or remove it. A command whose packages were all there is left out.
    """
    before = frozenset(there_before)
    named = frozenset(packages) | {expected(spec).name for spec in packages}
    kept = []
    for command in commands:
        argv = tuple(word for word in command.argv if word not in before)
        if len(argv) < len(command.argv) and not any(word in named for word in argv):
            continue
        kept.append(replace(command, argv=argv))
    return tuple(kept)
