"""What an installation would change in an environment that exists, read from the installer's own dry run; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchup.words import tr

_LINE = re.compile(r"^ ([-+~]) ([A-Za-z0-9][\w.-]*)==(\S+)")
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One package that comes, goes or changes; a version of None means that it is not there."""

    name: str
    before: str | None
    after: str | None


def moves_of_uv(output: str) -> tuple[Move, ...]:
    """Read what `uv pip install --dry-run` prints: ` - numpy==1.26.4` and ` + numpy==2.0.2`."""
    gone: dict[str, str] = {}
    come: dict[str, str] = {}
    for line in output.splitlines():
        if match := _LINE.match(line):
            name = canonicalize_name(match[2])
            if match[1] in "-~":
                gone[name] = match[3]
            if match[1] in "+~":
                come[name] = match[3]
    names = sorted({*gone, *come})
    return tuple(Move(name=name, before=gone.get(name), after=come.get(name)) for name in names)


def moves_of_pip(report: str, installed: Mapping[str, str]) -> tuple[Move, ...]:
    """Read the report of `pip install --dry-run --report`, whose form is pip's installation report 1."""
    try:
        items = json.loads(report)["install"]
        found = {canonicalize_name(item["metadata"]["name"]): str(item["metadata"]["version"]) for item in items}
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(Move(name=name, before=installed.get(name), after=found[name]) for name in sorted(found))


def broken_by(
    moves: Iterable[Move], requirements: Mapping[str, Iterable[str]], installed: Mapping[str, str]
) -> tuple[str, ...]:
    """Say which installed packages would lose what they need.

    `requirements` are the `Requires-Dist` lines of everything that is installed, by canonical name. Installers
    look at what they install, not at what others there need.
    """
    moved = {move.name: move.after for move in moves if move.before != move.after}
    broken = []
    for name in sorted(requirements):
        if name in moved:
            continue
        for line in requirements[name]:
            need = _need(line)
            if need is None or canonicalize_name(need.name) not in moved:
                continue
            after = moved[canonicalize_name(need.name)]
            if after is None or not _meets(need, after):
                broken.append(_loss(name, installed.get(name, ""), need, after))
    return tuple(broken)


def sentences(moves: tuple[Move, ...], environment: str) -> tuple[str, ...]:
    """Put the changes into words: what changes its version, what goes, and what is new."""
    gone = [f"{move.name} {move.before}" for move in moves if move.after is None]
    new = [f"{move.name} {move.after}" for move in moves if move.before is None]
    lines = [_change(move, environment) for move in moves if move.before and move.after]
    if gone:
        lines.append(tr("In {environment}, these go: {gone}.", environment=environment, gone=", ".join(gone)))
    if new:
        more = tr(" and {count} more", count=len(new) - _SHOWN) if len(new) > _SHOWN else ""
        lines.append(
            tr(
                "In {environment}, these are new: {new}{more}.",
                environment=environment,
                new=", ".join(new[:_SHOWN]),
                more=more,
            )
        )
    return tuple(lines)


def _change(move: Move, environment: str) -> str:
    words = {"environment": environment, "name": move.name, "before": move.before, "after": move.after}
    if _is_older(move):
        return tr("In {environment}, {name} {before} becomes {after} (older).", **words)
    return tr("In {environment}, {name} {before} becomes {after}.", **words)


def _is_older(move: Move) -> bool:
    try:
        return Version(move.after or "") < Version(move.before or "")
    except InvalidVersion:
        return False


def _loss(name: str, version: str, need: Requirement, after: str | None) -> str:
    words = {"name": name, "version": version, "needed": need.name, "specifier": need.specifier}
    if after:
        return tr(
            "{name} {version} needs {needed}{specifier} and gets {needed} {after}: it may not work.",
            **words,
            after=after,
        )
    return tr("{name} {version} needs {needed}{specifier} and loses {needed}: it may not work.", **words)


def _need(line: str) -> Requirement | None:
    try:
        need = Requirement(line)
        applies = need.marker is None or need.marker.evaluate({"extra": ""})
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return None
    return need if applies else None


def _meets(need: Requirement, version: str) -> bool:
    try:
        return need.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True
