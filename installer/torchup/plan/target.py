"""Where PyTorch goes: what is at that place now, and whether a plan may use it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torchup.errors import RefusedError
from torchup.model.request import EnvironmentWish
from torchup.plan.pins import all_satisfied
from torchup.words import mark, tr

TargetKind = Literal[
    "absent", "empty", "environment", "lost-environment", "directory", "file", "dangling-link", "other"
]

ANOTHER_PLACE = mark("Name another place: environment.path in the answers, or `--set environment.path=DIR`.")
OWN_FOLDERS_ELSEWHERE = mark(
    "Where the home cannot be written, torchup's own folders need another place, the same for every later command: "
    "export XDG_STATE_HOME=/DIR/state XDG_CONFIG_HOME=/DIR/config XDG_CACHE_HOME=/DIR/cache"
)
_NO_PLACE = {
    "file": mark("a file"),
    "other": mark("neither a file nor a folder"),
    "dangling-link": mark("a link that leads nowhere"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """What is at the environment's path, read when the plan is made.

    `writable` is about the folder, or the nearest folder above it that exists. `python`, `python_version`
    and `distributions` are those of an environment; `lost_interpreter` says why a lost one has none. `made_by_torchup` is what the journal says.
    `free_mib` is the free space there.
    """

    path: str
    kind: TargetKind
    writable: bool = True
    python: str | None = None
    python_version: str | None = None
    lost_interpreter: str | None = None
    distributions: Mapping[str, str] = field(default_factory=dict)
    made_by_torchup: bool = False
    externally_managed: bool = False
    free_mib: int | None = None


def check_target(target: TargetState, *, wish: EnvironmentWish, wanted: tuple[str, ...], python: str) -> None:
    """Refuse a place that holds something which torchup must not touch.

    `wanted` are the pins, `python` is `3.12` or `3.13t`. Raises RefusedError with one of the codes
    target-is-a-file, target-not-empty, environment-lost, environment-exists, environment-missing, externally-managed,
    target-not-writable, python-differs.
    """
    _check_kind(target)
    if wish.kind == "existing":
        _check_existing(target)
    elif target.kind == "environment":
        _check_found(target, wanted=wanted, python=python)
    complete = target.kind == "environment" and all_satisfied(wanted, target.distributions)
    if not target.writable and not complete:
        raise RefusedError(
            tr("{path} cannot be written by this user.", path=target.path),
            code="target-not-writable",
            hint=f"{tr(ANOTHER_PLACE)} {tr(OWN_FOLDERS_ELSEWHERE)}",
        )


def _check_kind(target: TargetState) -> None:
    if target.kind in ("file", "other", "dangling-link"):
        raise RefusedError(
            tr(
                "{path} is {what}, so no environment can be made there.",
                path=target.path,
                what=tr(_NO_PLACE[target.kind]),
            ),
            code="target-is-a-file",
            hint=tr(ANOTHER_PLACE),
        )
    if target.kind == "lost-environment":
        raise RefusedError(
            tr("{path} is an environment that has lost its Python.", path=target.path),
            code="environment-lost",
            evidence=(target.lost_interpreter,) if target.lost_interpreter else (),
            hint=tr("An upgrade of the system does that. Move it out of the way, then run again:")
            + f"\n    {shlex.join(('mv', target.path, target.path + '.old'))}",
        )
    if target.kind == "directory" and target.made_by_torchup:
        raise RefusedError(
            tr("{path} is what an undo left of an environment, and not one any more.", path=target.path),
            code="target-not-empty",
            hint=tr("Move out of it what is yours, then `torchup undo` takes the rest.") + " " + tr(ANOTHER_PLACE),
        )
    if target.kind == "directory":
        raise RefusedError(
            tr("{path} is a folder that holds other things, and not an environment.", path=target.path),
            code="target-not-empty",
            hint=tr(ANOTHER_PLACE),
        )


def _check_existing(target: TargetState) -> None:
    if target.kind != "environment":
        raise RefusedError(
            tr("{path} is to be an environment that exists, and there is none.", path=target.path),
            code="environment-missing",
            hint=tr("Set environment.kind to venv to have it made, or name the environment that you mean."),
        )
    if target.externally_managed:
        raise RefusedError(
            tr("{path} belongs to the operating system, which manages its packages itself.", path=target.path),
            code="externally-managed",
            hint=tr("Set environment.kind to venv: the system's Python then stays as it is."),
        )


def _check_found(target: TargetState, *, wanted: tuple[str, ...], python: str) -> None:
    found = target.python_version
    if found is not None and not _same_minor(found, python):
        raise RefusedError(
            tr(
                "{path} is an environment with Python {found}, and the plan needs {python}.",
                path=target.path,
                found=found,
                python=python,
            ),
            code="python-differs",
            hint=tr(ANOTHER_PLACE) + " " + tr("Or remove it first, with `torchup undo` if torchup made it."),
        )
    if target.made_by_torchup or all_satisfied(wanted, target.distributions):
        return
    raise RefusedError(
        tr("{path} is an environment that torchup did not make, so it is left as it is.", path=target.path),
        code="environment-exists",
        evidence=tuple(
            f"{name} {version}" for name, version in sorted(target.distributions.items()) if name == "torch"
        ),
        hint=tr(ANOTHER_PLACE) + " " + tr("Or set environment.kind to existing to have PyTorch put into this one."),
    )


def _same_minor(found: str, wanted: str) -> bool:
    return found.split(".")[:2] == wanted.rstrip("t").split(".")[:2]
