"""What start-up files hold that works against our settings, with changes that a person may make by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchup.app.startup_look import keeper_of, read_startup
from torchup.model.context import Context
from torchup.plan.shell_steps import ShellPlan
from torchup.shell.diagnosis import StartupFinding, diagnose
from torchup.shell.kinds import language_named, owner
from torchup.shell.suggestions import suggested_change
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The findings, and by file a diff that takes hand-written CUDA settings out of force. None is applied."""

    found: tuple[StartupFinding, ...] = ()
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def find_all(planned: ShellPlan, files: tuple[str, ...], context: Context) -> Findings:
    """Look through the start-up files of the shells that are meant: those with a block, and those of `files` beside them."""
    found: list[StartupFinding] = []
    changes: dict[str, tuple[str, ...]] = {}
    for path, language in _files(planned, files).items():
        content = read_startup(str(context.below_root(Path(path))))
        if content is None:
            continue
        keeper = keeper_of(path, str(context.home))
        here = diagnose(path, content, real_path=os.path.realpath(path), keeper=keeper)
        found += here
        change = suggested_change(path, content, here, language)
        if change:
            changes[path] = change
    found += _inherited(context.environ)
    return Findings(found=tuple(found), changes=changes)


def where_set(name: str, findings: Sequence[StartupFinding]) -> str:
    """Name the lines that set a variable, for a sentence in brackets."""
    lines = [f"{item.path}:{item.line}" for item in findings if name in item.evidence and item.line]
    return (
        tr("set at {places}", places=", ".join(dict.fromkeys(lines)))
        if lines
        else tr("inherited from where torchup was started")
    )


def in_files(paths: Sequence[str]) -> tuple[StartupFinding, ...]:
    """List the findings of some start-up files, those that can be read."""
    contents = {path: read_startup(path) for path in dict.fromkeys(paths)}
    return tuple(item for path, content in contents.items() if content for item in diagnose(path, content))


def _files(planned: ShellPlan, there: tuple[str, ...]) -> dict[str, str]:
    edited = [file for file in planned.choice.files if file.form == "block"]
    by_hand = [item for item in planned.choice.by_hand if item.path is not None and item.language is not None]
    files: dict[str, str] = {file.path: file.language for file in edited}
    files |= {item.path: item.language for item in by_hand if item.path and item.language}
    languages = {*files.values(), *(file.language for file in planned.choice.files)}
    for path in there:
        language = _language(path)
        if language in languages or (language == "sh" and any(language_named(name).posix for name in languages)):
            files.setdefault(path, language)
    return files


def _language(path: str) -> str:
    shell = owner(path)
    return shell.language.name if shell is not None and shell.language is not None else "sh"


def _inherited(environ: Mapping[str, str]) -> list[StartupFinding]:
    """Say what an empty entry in the variable means that torchup itself was given."""
    value = environ.get("LD_LIBRARY_PATH", "")
    if not value or "" not in value.split(":"):
        return []
    text = tr(
        "LD_LIBRARY_PATH has an empty entry here, and the loader searches the current directory for it; torchup adds none and leaves yours as they are"
    )
    return [StartupFinding(code="library-path-hole", path="environment", line=0, text=text, evidence=value)]
