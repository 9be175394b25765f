"""Variables of the Windows user: what a step is about to do, and taking it back beside what others changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from torchup.apply.change import Left, NoChange, Prepared, UserVariable, VariableChange
from torchup.errors import RefusedError
from torchup.model.plan import SetUserVariable
from torchup.words import mark, tr

SEPARATOR = ";"


class Variables(Protocol):
    """The variables of the user's account, as they are stored: `%NAME%` is not filled in."""

    def read(self, name: str) -> UserVariable | None:
        """Read a variable; None where there is none. Raises StepError."""

    def write(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a variable and tell running programs. Raises StepError."""


class HasVariables(Protocol):
    """The part of a System that this module uses."""

    def read_variable(self, name: str) -> UserVariable | None:
        """Read a variable of the user's account."""

    def write_variable(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a variable of the user's account."""


def prepare_variable(step: SetUserVariable, system: HasVariables) -> Prepared:
    """Work out the new value; raises RefusedError with code path-has-percent."""
    before = system.read_variable(step.name)
    recorded = system.read_variable(step.record) if step.record is not None else None
    if step.is_list:
        change = _list_change(step, before, recorded)
    else:
        # What another program or the person has set since is not ours to delete.
        keep = (
            step.value is None
            and step.record is not None
            and (recorded is None or before is None or recorded.value != before.value)
        )
        after = before if keep else None if step.value is None else UserVariable(value=step.value)
        change = VariableChange(name=step.name, before=before, after=after)
    if _same(change.before, change.after):
        return Prepared(change=NoChange(), detail=tr("{name} is as wanted", name=step.name))
    if change.after is None:
        text = mark("the variable {name} of this account is removed")
    elif before is None:
        text = mark("the variable {name} of this account is set")
    else:
        text = mark("the variable {name} of this account is changed")
    return Prepared(change=change, detail=tr(text, name=step.name))


def revert_variable(change: VariableChange, system: HasVariables) -> Left | None:
    """Put a variable back; where others changed a list since, only our entries go."""
    now = system.read_variable(change.name)
    if now == change.before:
        return None
    if now == change.after:
        system.write_variable(change.name, change.before)
        return None
    if now is None or not (change.added or change.dropped):
        return Left(
            text=tr("The variable {name} was removed, and was left as it is.", name=change.name)
            if now is None
            else tr("The variable {name} is {value} by now, and was left as it is.", name=change.name, value=now.value)
        )
    kept = [entry for entry in _entries(now.value) if not _among(entry, change.added)]
    back = [entry for entry in change.dropped if not _among(entry, kept)]
    value = SEPARATOR.join([*back, *kept])
    gone = change.before is None and not value
    system.write_variable(change.name, None if gone else replace(now, value=value))
    return None


def _list_change(step: SetUserVariable, before: UserVariable | None, recorded: UserVariable | None) -> VariableChange:
    earlier = _entries(recorded.value) if recorded is not None else []
    old = _entries(before.value) if before is not None else []
    kept = [entry for entry in old if not _among(entry, (*step.entries, *earlier))]
    # An entry with variables in it works only in a value of the kind that Windows fills in; PATH is one.
    expand = before.expand if before is not None else True
    if expand and any("%" in entry for entry in step.entries):
        raise RefusedError(
            tr(
                "A folder with a percent sign in its name cannot stand in {name}: Windows reads a variable there.",
                name=step.name,
            ),
            code="path-has-percent",
            evidence=tuple(step.entries),
            hint=tr("Move it, or make a link to it under a name without that character, and give the link."),
        )
    value = SEPARATOR.join([*step.entries, *kept])
    empty = not value and (before is None or bool(before.value))
    after = None if empty else UserVariable(value=value, expand=expand)
    return VariableChange(
        name=step.name,
        before=before,
        after=after,
        added=tuple(entry for entry in step.entries if not _among(entry, old)),
        dropped=tuple(entry for entry in old if _among(entry, earlier) and not _among(entry, step.entries)),
    )


def _same(before: UserVariable | None, after: UserVariable | None) -> bool:
    # The kind alone is no reason to write: a value without % means the same in both.
    return (before.value if before else None) == (after.value if after else None)


def _entries(value: str) -> list[str]:
    return value.split(SEPARATOR) if value else []


def _among(entry: str, others: tuple[str, ...] | list[str]) -> bool:
    return _key(entry) in map(_key, others)


def _key(entry: str) -> str:
    return entry.rstrip("\\/").casefold().replace("/", "\\")
