"""The step that writes the lock; one that cannot be written fails nothing else."""

from __future__ import annotations

from packaging.utils import canonicalize_name

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
    """Compare what is installed with the list that the last lock was made from."""
    content = system.look(step.listed).content
    installed = system.installed_distributions(step.python)
    if content is not None and _pins(content) == {name: found for name, found in installed.items() if name != "pip"}:
        return Prepared(change=NoChange(), detail=tr("{path} is up to date", path=step.path))
    before = {path: system.look(path).content for path in (step.path, step.listed)}
    digests = {path: None if old is None else sha256(old) for path, old in before.items()}
    return Prepared(
        change=LockChange(before=digests),
        detail=tr("{path} is written", path=step.path),
        contents=tuple(old for old in before.values() if old is not None),
    )


def perform_lock(step: WriteLock, change: LockChange, system: System, on_line: OnLine) -> LockChange:
    """Have the lock written; where uv cannot, say why, and leave the installation as it is."""
    problem = None
    try:
        run_all(step, step.commands, system, on_line, brings=Brings(files=(step.listed, step.path)))
    except StepError as error:
        if error.code in _FAILS_ANYWAY:
            raise
        problem = tr("no lock was written: {reason}", reason=error.message)
        on_line(problem)
    after = {path: None if (now := system.look(path).content) is None else sha256(now) for path in change.before}
    return LockChange(before=change.before, after=after, problem=problem)


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


def _pins(content: bytes) -> dict[str, str]:
    lines = content.decode("utf-8", "replace").splitlines()
    return {canonicalize_name(name): version for name, _, version in (line.partition("===") for line in lines)}
