"""Requirements against what is installed.

torchup's own are pins: exactly this build, so that `torch==2.13.0` is not `2.13.0+cu126`, unlike in PEP 440. What a
person asked for is read as PEP 440 and 508 say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

_EXACT = ("==", "===")


def pinned_version(requirement: str) -> str | None:
    """Give the one version that a pin names; None for whatever allows more than one, or depends on a marker."""
    wanted = Requirement(requirement)
    clauses = list(wanted.specifier)
    if wanted.url or wanted.marker or len(clauses) != 1 or clauses[0].operator not in _EXACT:
        return None
    version = clauses[0].version
    return None if version.endswith(".*") and clauses[0].operator == "==" else version


def satisfied(requirement: str, installed: Mapping[str, str], *, pinned: bool = True) -> bool:
    """Tell whether a requirement holds; `installed` maps canonical names to versions.

    A marker was held against the machine when the plan was made. Of a wheel at an address the file name tells the
    version; whatever else has an address counts as it is installed.
    """
    wanted = Requirement(requirement)
    found = installed.get(canonicalize_name(wanted.name))
    if found is None:
        return False
    if wanted.url is not None:
        return _of_address(wanted.url, found)
    exact = pinned_version(requirement)
    arbitrary = any(clause.operator == "===" for clause in wanted.specifier)
    try:
        if pinned and exact is not None:
            return found == exact or Version(found) == Version(exact)
        return wanted.specifier.contains(found if arbitrary else Version(found), prereleases=True)
    except InvalidVersion:
        return False


def all_satisfied(requirements: Iterable[str], installed: Mapping[str, str], *, pinned: bool = True) -> bool:
    """Tell whether every requirement holds."""
    return all(satisfied(requirement, installed, pinned=pinned) for requirement in requirements)


def missing(requirements: Iterable[str], installed: Mapping[str, str], *, pinned: bool = True) -> tuple[str, ...]:
    """Give the requirements that do not hold."""
    return tuple(item for item in requirements if not satisfied(item, installed, pinned=pinned))


def extras_hold(
    requirement: str,
    installed: Mapping[str, str],
    needs: Mapping[str, Iterable[str]],
    environment: Mapping[str, str],
) -> bool:
    """Tell whether what the extras in a requirement's brackets bring is installed.

    `needs` are the `Requires-Dist` lines of everything that is installed, by canonical name, and `environment` what
    their markers are held against.
    """
    todo, seen = [Requirement(requirement)], set[tuple[str, str]]()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {canonicalize_name(extra) for extra in wanted.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            brought = [need for line in needs.get(name, ()) if (need := _brought(line, extra, environment))]
            if not all(satisfied(_plain(need), installed, pinned=False) for need in brought):
                return False
            todo += brought
    return True


def _brought(line: str, extra: str, environment: Mapping[str, str]) -> Requirement | None:
    try:
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({**environment, "extra": ""}):
            return None
        return need if need.marker.evaluate({**environment, "extra": extra}) else None
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return None


def _plain(need: Requirement) -> str:
    return f"{need.name}{need.specifier}" if need.url is None else f"{need.name} @ {need.url}"


def _of_address(url: str, found: str) -> bool:
    file = url.partition("#")[0].rpartition("/")[2].replace("%2B", "+").replace("%2b", "+")
    try:
        return Version(found) == parse_wheel_filename(file)[1]
    except (InvalidWheelFilename, InvalidVersion):
        return True
