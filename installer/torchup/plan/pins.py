"""Requirements against what is installed: whether exactly this build is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def satisfied(requirement: str, installed: Mapping[str, str]) -> bool:
    """Tell whether a requirement holds; `installed` maps canonical names to versions.

    A pin such as `torch==2.13.0` means exactly that build: unlike in PEP 440, `2.13.0+cu126` is another one.
    """
    wanted = Requirement(requirement)
    found = installed.get(canonicalize_name(wanted.name))
    if found is None:
        return False
    try:
        version = Version(found)
    except InvalidVersion:
        return False
    clauses = list(wanted.specifier)
    if len(clauses) == 1 and clauses[0].operator in ("==", "===") and not clauses[0].version.endswith(".*"):
        return version == Version(clauses[0].version)
    return wanted.specifier.contains(version, prereleases=True)


def all_satisfied(requirements: Iterable[str], installed: Mapping[str, str]) -> bool:
    """Tell whether every requirement holds."""
    return all(satisfied(requirement, installed) for requirement in requirements)


def missing(requirements: Iterable[str], installed: Mapping[str, str]) -> tuple[str, ...]:
    """Give the requirements that do not hold."""
    return tuple(requirement for requirement in requirements if not satisfied(requirement, installed))
