"""The step that writes the lock; one that cannot be written fails nothing else."""

from __future__ import annotations

from packaging.utils import canonicalize_name, canonicalize_version

from torchup.apply.backups import Backups, sha256
from torchup.apply.change import Left, LockChange, NoChange, Prepared
from torchup.apply.environment_steps import run_all
from torchup.apply.system import Brings, OnLine, System
from torchup.errors import StepError
from torchup.model.plan import WriteLock
from torchup.words import tr

# What comes after the lock would fail too, and the run has to be taken back as a whole.
_FAILS_ANYWAY = ("disk-full", "file-limit")


def prepare_lock(step: WriteLock, system: System) -> Prepared:
    """See whether the lock names exactly what is installed; one that is missing, cut short or older does not."""
    installed = system.installed_distributions(step.python)
    before = {path: system.look(path).content for path in (step.path, step.listed)}
    if _named(before[step.path]) == {name: _version(found) for name, found in installed.items() if name != "pip"}:
        return Prepared(change=NoChange(), detail=tr("{path} is up to date", path=step.path))
    return Prepared(
        change=LockChange(before={path: None if old is None else sha256(old) for path, old in before.items()}),
        detail=tr("{path} is written", path=step.path),
        contents=tuple(old for old in before.values() if old is not None),
    )


def perform_lock(step: WriteLock, change: LockChange, system: System, on_line: OnLine) -> LockChange:
    """Have the lock written; where uv cannot, say why, and leave the installation and what was there as they are."""
    before = {path: system.look(path) for path in change.before}
    problem = None
    try:
        _write(step, system, on_line)
    except StepError as error:
        if error.code in _FAILS_ANYWAY:
            raise
        problem = tr("no lock was written: {reason}", reason=error.message)
        on_line(problem)
        for path, old in before.items():
            if old.content is None:
                system.remove_file(path)
            elif old.content != system.look(path).content:
                system.write_file(path, old.content, mode=old.mode, create=True)
    after = {path: None if (now := system.look(path).content) is None else sha256(now) for path in change.before}
    return LockChange(before=change.before, after=after, problem=problem)


def _write(step: WriteLock, system: System, on_line: OnLine) -> None:
    """List what is installed, and try one way to lock it after the other."""
    listing, *ways = step.commands
    # uv reads the lock that is there first, and gives up where it cannot.
    system.remove_file(step.path)
    brings = Brings(files=(step.listed, step.path))
    run_all(step, (listing,), system, on_line, brings=brings)
    for number, way in enumerate(ways, start=1):
        try:
            run_all(step, (way,), system, on_line, brings=brings)
        except StepError as error:
            if number == len(ways) or error.code != "no-matching-distribution":
                raise
        else:
            return


def revert_lock(change: LockChange, system: System, backups: Backups) -> Left | None:
    """Put back what was at the lock's places; what somebody changed since stays."""
    left: list[str] = []
    for path, before in change.before.items():
        content = system.look(path).content
        now = None if content is None else sha256(content)
        if now == before:
            continue
        if now is None or (change.after is not None and now != change.after.get(path)):
            left += [tr("{path} was changed since, and was left as it is.", path=path)] if now is not None else []
            continue
        old = backups.read(before) if before is not None else None
        if before is None:
            system.remove_file(path)
        elif old is not None:
            system.write_file(path, old, mode=None, create=False)
    return Left(text=" ".join(left)) if left else None


def _version(text: str) -> str:
    return canonicalize_version(text, strip_trailing_zero=False)


def _named(content: bytes | None) -> dict[str, str] | None:
    """Read what a lock names, each package with files to install it from; None for what is no whole lock."""
    import tomllib

    try:
        packages = tomllib.loads((content or b"").decode())["packages"]
        if not all(package.keys() & {"wheels", "sdist", "archive", "vcs", "directory"} for package in packages):
            return None
        return {canonicalize_name(package["name"]): _version(package["version"]) for package in packages}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
