"""The dry run as a POSIX sh script: what the recording system was told, step by step.

Run in the same home, the script ends in the same files and the same installed versions as apply. It keeps
links, modes and owners, because it writes into the files that are there, each only after `cksum` has
shown that the file is still the one that the plan was made for.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from torchup.apply.cksum import cksum
from torchup.apply.events import Event, StepFinished
from torchup.apply.executor import execute
from torchup.apply.posix import comment, output, word, words
from torchup.apply.powershell import variable_line
from torchup.apply.recording_system import (
    Effect,
    Fetched,
    Linked,
    MadeDirectory,
    Ran,
    RecordingSystem,
    Removed,
    VariableSet,
    Written,
)
from torchup.apply.result import RunResult
from torchup.apply.root_files import PUT
from torchup.apply.script_undo import Done, by_hand
from torchup.apply.system import MachineView
from torchup.model.context import Context
from torchup.model.plan import CheckDriver, Plan, Reboot, Step, Verify, WriteLock
from torchup.plan.inherited import SPACES, passed_patterns

_PRIVATE = 0o077
_WIDTH = 100

_OPENING = ("#!/bin/sh", "# What torchup would do on this machine. Nothing of it has been done.")
_HEAD = """\
set -eu
# Python, pip and uv would take modules and settings of the current folder.
cd /
# What everybody may write is nothing to run later.
umask o-w

same() {
  [ "$(cksum <"$2")" = "$1" ] && return
  echo "torchup: $2 has changed since this script was made" >&2
  exit 1
}
absent() {
  [ ! -e "$1" ] && [ ! -L "$1" ] && return
  echo "torchup: $1 exists by now" >&2
  exit 1
}
"""

_FETCH = """\
# Fetch an address to a file, and keep it only if its sha256 is the third argument, where there is one.
fetch() {
  if command -v curl >/dev/null; then
    curl --fail --location --silent --show-error --retry 3 --output "$2" "$1"
  else
    wget --quiet --tries=4 --output-document="$2" "$1"
  fi && { [ -z "$3" ] || echo "$3  $2" | sha256sum -c - >/dev/null; } && return
  rm -f "$2"
  echo "torchup: $1 could not be fetched, or is not the file that was expected" >&2
  exit 1
}
"""

_PUT = f"""\
# As root: a file with the new bytes, target, mode, owner, new or old target. Beside the target first, then renamed.
as_root_put() {{
  # shellcheck disable=SC2016
  @BY@ sh -c '
{PUT}' sh "$@"
  rm -f "$1"
}}
"""
_ROOT_OWNER = "0:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A dry run: its script, and the outcome of every step as apply would have it.

    The script holds no control character, nor what does not show, whatever the names and contents in it.
    """

    script: str
    result: RunResult


def dry_run(plan: Plan, base: MachineView, context: Context, *, root_by: tuple[str, ...] = ("sudo",)) -> DryRun:
    """Carry out a plan over the recording system and write down what it would do.

    `root_by` is what stands before a command that needs root; empty for root itself. Raises what apply
    would raise before it changes anything, such as StepError for a file that changed.
    """
    system = RecordingSystem(base=base)
    parts: list[str] = []
    changes: list[Done] = []
    seen = 0
    number = 0

    def note(event: Event) -> None:
        nonlocal seen, number
        if isinstance(event, StepFinished):
            number += 1
            effects, seen = tuple(system.effects[seen:]), len(system.effects)
            changes.append((event.step, effects))
            done = event.outcome.status == "unchanged" and not isinstance(event.step, Verify | CheckDriver)
            title = comment(f"{number}/{len(plan.steps)} {event.step.summary}")
            if done:
                parts.append(f"{title}\n{comment(f'nothing to do: {event.outcome.detail}')}\n")
            else:
                body = step_lines(event.step, effects, root_by=root_by)
                parts.append("\n".join([title, comment(event.step.why), *body, ""]))

    result = execute(plan, system, journal=None, context=context, verifier=None, on_event=note)
    helpers = _helpers(tuple(system.effects), root_by)
    opening = "\n".join([*_OPENING, *by_hand(changes, root_by=root_by), _HEAD])
    head = "\n".join([opening, *helpers, _unset(), ""])
    return DryRun(script="\n".join([head, *parts]), result=result)


def step_lines(step: Step, effects: tuple[Effect, ...], *, root_by: tuple[str, ...]) -> tuple[str, ...]:
    """Write the lines of one step."""
    if isinstance(step, Verify | CheckDriver):
        return tuple(_command(Ran(command=command, as_root=False), root_by) for command in step.commands)
    if isinstance(step, Reboot):
        return (
            'if [ "${1-}" != restarted ]; then',
            "  echo 'Restart the machine, then run the lines below this one.' >&2",
            "  exit 3",
            "fi",
        )
    lines = tuple(line for effect in effects for line in effect_lines(effect, root_by=root_by))
    if isinstance(step, WriteLock):
        # What was recorded ends with the first way to make the lock, which was believed to succeed.
        ways = [_command(Ran(command=command, as_root=False), root_by) for command in step.commands[1:]]
        listed = shlex.quote(step.listed)
        failed = f"  {{ rm -f {listed}; echo 'torchup: no lock was written' >&2; }}"
        return (*lines[:-1], *(f"{way} ||" for way in ways), failed)
    return lines


def effect_lines(effect: Effect, *, root_by: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Write the lines that have one effect."""
    match effect:
        case Ran():
            return (_command(effect, root_by),)
        case MadeDirectory():
            return _making(effect, _by(effect, root_by))
        case Linked():
            return (f"[ -L {word(effect.path)} ] || ln -s {words([effect.target, effect.path])}",)
        case Removed():
            return _removal(effect, _by(effect, root_by))
        case Fetched():
            return _fetching(effect, _by(effect, root_by))
        case Written():
            return _writing_as_root(effect) if _by(effect, root_by) else _writing(effect)
        case VariableSet():
            return (variable_line(effect.name, effect.before, effect.after),)


def _by(effect: MadeDirectory | Removed | Fetched | Written, root_by: tuple[str, ...]) -> str:
    return f"{words(root_by)} " if effect.as_root and root_by else ""


def _helpers(effects: tuple[Effect, ...], root_by: tuple[str, ...]) -> tuple[str, ...]:
    """Give the shell functions that the lines of these effects call."""
    fetches = any(isinstance(effect, Fetched) for effect in effects)
    puts = root_by and any(isinstance(effect, Written | Fetched) and effect.as_root for effect in effects)
    return (*((_FETCH,) if fetches else ()), *((_PUT.replace("@BY@", words(root_by)),) if puts else ()))


def _making(effect: MadeDirectory, by: str) -> tuple[str, ...]:
    """Write the lines that make folders with the modes that apply gives them, whatever the umask is."""
    *above, path = map(word, effect.paths)
    made = f"[ -d {path} ] || {by}mkdir -m {effect.mode:o} {path}"
    if by:
        return (*(f"[ -d {parent} ] || {by}mkdir -m 755 {parent}" for parent in above), made)
    return (*((f"(umask g-w,o-w && mkdir -p {above[-1]})",) if above else ()), made)


def _fetching(effect: Fetched, by: str) -> tuple[str, ...]:
    path = word(effect.path)
    before = effect.before.content
    seen = f"same '{cksum(before)}' {path}" if before is not None else f"absent {path}"
    temporary = '"$new"' if by else word(f"{effect.path}.new")
    start = "new=$(mktemp)" if by else ""
    placed = (
        f"as_root_put {temporary} {path} {effect.mode:o} {_owner(effect)}"
        if by
        else f"chmod {effect.mode:o} {temporary} && mv -f {temporary} {path}"
    )
    lines = (seen, start, f"fetch {word(effect.url)} {temporary} '{effect.sha256 or ''}'", placed)
    return tuple(line for line in lines if line)


def _writing_as_root(effect: Written) -> tuple[str, ...]:
    path = word(effect.path)
    old, new = effect.before.content, effect.after.content or b""
    seen = f"same '{cksum(old)}' {path}" if old is not None else f"absent {path}"
    put = f'as_root_put "$new" {path} {effect.after.mode or 0:o} {_owner(effect)}'
    return (seen, "new=$(mktemp)", output(new, '>"$new"'), put)


def _owner(effect: Written | Fetched) -> str:
    """Give owner and kind of the target for `as_root_put`; a file that is there keeps its owner."""
    if effect.before.content is None:
        return f"{_ROOT_OWNER} new"
    return f'"$(stat -L -c %u:%g {word(effect.path)})" old'


def _writing(effect: Written) -> tuple[str, ...]:
    path = word(effect.path)
    old, new = effect.before.content, effect.after.content or b""
    mode = effect.after.mode or 0
    chmod = f"chmod {mode:o} {path}"
    if old is None:
        text = output(new, f">{path}")
        private = [f"(umask 077 && : >{path})"] if mode & _PRIVATE == 0 else []
        return (f"absent {path}", *private, text, chmod)
    lines = [f"same '{cksum(old)}' {path}"]
    if new != old:
        appended = new[len(old) :] if new.startswith(old) else None
        lines.append(output(new, f">{path}") if appended is None else output(appended, f">>{path}"))
    return (*lines, *([chmod] if effect.after.mode != effect.before.mode else []))


def _removal(effect: Removed, by: str) -> tuple[str, ...]:
    path = word(effect.path)
    if effect.before.content is not None:
        return (f"same '{cksum(effect.before.content)}' {path}", f"{by}rm -f {path}")
    return (f"{by}rm -rf {path}",)


def _command(effect: Ran, root_by: tuple[str, ...]) -> str:
    added = [f"{name}={value}" for name, value in sorted(effect.command.environment.items())]
    if effect.as_root and root_by:
        return words([*root_by, *(["env", *added] if added else []), *effect.command.argv])
    # The names of variables must stay bare, or the shell takes them for the program.
    bare = " ".join(f"{name}={word(value)}" for name, value in sorted(effect.command.environment.items()))
    return f"{bare} {words(effect.command.argv)}".lstrip()


def _unset() -> str:
    """Write the lines that leave children what `plan.inherited` does, whatever the shell has set by then."""
    return "\n".join(
        [
            comment("settings that would change what the commands below mean"),
            r"for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do",
            "  case $name in",
            *_choice(passed_patterns(), ";;"),
            *_choice([f"{space}*" for space in SPACES], 'unset "$name" ;;'),
            "  esac",
            "done",
        ]
    )


def _choice(patterns: Sequence[str], then: str) -> list[str]:
    """Write one choice of `case`, in lines that are not too long."""
    lines = [" "]
    for pattern in patterns:
        if len(lines[-1]) + len(pattern) + len(" | \\") > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {pattern} |"
    lines[-1] = f"{lines[-1].removesuffix(' |')}) {then}"
    return lines
