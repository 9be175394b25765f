"""The dry run as a POSIX sh script: what the recording system was told, step by step.

Run in the same home, the script ends in the same files and the same installed versions as apply. It keeps
links, modes and owners, because it writes into the files that are there, each only after `cksum` has
shown that the file is still the one that the plan was made for.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from torchup.apply.cksum import cksum
from torchup.apply.events import Event, StepFinished
from torchup.apply.executor import execute
from torchup.apply.posix import comment, output, words
from torchup.apply.recording_system import Effect, MadeDirectory, Ran, RecordingSystem, Removed, Written
from torchup.apply.result import RunResult
from torchup.apply.system import MachineView
from torchup.model.context import Context
from torchup.model.plan import Plan, Reboot, Step, Verify
from torchup.plan.child_environment import CLEARED

_PRIVATE = 0o077
_WIDTH = 100

_HEAD = """\
#!/bin/sh
# What torchup would do on this machine. Nothing of it has been done.
set -eu

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A dry run: its script, and the outcome of every step as apply would have it.

    The script may hold bytes of paths as lone surrogates: encode it with `surrogateescape`.
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
    seen = 0
    number = 0

    def note(event: Event) -> None:
        nonlocal seen, number
        if isinstance(event, StepFinished):
            number += 1
            effects, seen = tuple(system.effects[seen:]), len(system.effects)
            done = event.outcome.status == "unchanged" and not isinstance(event.step, Verify)
            title = comment(f"{number}/{len(plan.steps)} {event.step.summary}")
            if done:
                parts.append(f"{title}\n{comment(f'nothing to do: {event.outcome.detail}')}\n")
            else:
                body = step_lines(event.step, effects, root_by=root_by)
                parts.append("\n".join([title, comment(event.step.why), *body, ""]))

    result = execute(plan, system, journal=None, context=context, verifier=None, on_event=note)
    head = _HEAD + "\n" + _unset() + "\n"
    return DryRun(script="\n".join([head, *parts]), result=result)


def step_lines(step: Step, effects: tuple[Effect, ...], *, root_by: tuple[str, ...]) -> tuple[str, ...]:
    """Write the lines of one step."""
    if isinstance(step, Verify):
        return tuple(_command(Ran(command=command, as_root=False), root_by) for command in step.commands)
    if isinstance(step, Reboot):
        return (
            'if [ "${1-}" != restarted ]; then',
            "  echo 'Restart the machine, then run the lines below this one.' >&2",
            "  exit 3",
            "fi",
        )
    return tuple(line for effect in effects for line in effect_lines(effect, root_by=root_by))


def effect_lines(effect: Effect, *, root_by: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Write the lines that have one effect."""
    match effect:
        case Ran():
            return (_command(effect, root_by),)
        case MadeDirectory():
            return _making(effect)
        case Removed():
            return _removal(effect)
        case Written():
            return _writing(effect)


def _making(effect: MadeDirectory) -> tuple[str, ...]:
    *above, path = map(shlex.quote, effect.paths)
    parents = (f"mkdir -p {above[-1]}",) if above else ()
    return (*parents, f"[ -d {path} ] || mkdir -m {effect.mode:o} {path}")


def _writing(effect: Written) -> tuple[str, ...]:
    path = shlex.quote(effect.path)
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


def _removal(effect: Removed) -> tuple[str, ...]:
    path = shlex.quote(effect.path)
    if effect.before.content is not None:
        return (f"same '{cksum(effect.before.content)}' {path}", f"rm -f {path}")
    return (f"rm -rf {path}",)


def _command(effect: Ran, root_by: tuple[str, ...]) -> str:
    added = [f"{name}={value}" for name, value in sorted(effect.command.environment.items())]
    if effect.as_root and root_by:
        return words([*root_by, *(["env", *added] if added else []), *effect.command.argv])
    # The names of variables must stay bare, or the shell takes them for the program.
    bare = " ".join(f"{name}={shlex.quote(value)}" for name, value in sorted(effect.command.environment.items()))
    return f"{bare} {words(effect.command.argv)}".lstrip()


def _unset() -> str:
    lines = ["unset"]
    for name in CLEARED:
        if len(lines[-1]) + len(name) + 3 > _WIDTH:
            lines[-1] += " \\"
            lines.append(" ")
        lines[-1] += f" {name}"
    return "\n".join([comment("settings that would change what the commands below mean"), *lines])
