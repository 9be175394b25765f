"""Choosing the start-up files: which shells are meant, and which files get our block."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Literal

from torchup.model.facts import Shells
from torchup.shell.environment_modules import find_module_use
from torchup.shell.kinds import CONDA, CONFIGURED, NOT_FOR_PEOPLE, SHELLS, named, owner
from torchup.shell.kinds.kind import Home, Shell, StartupFile
from torchup.shell.startup_choice import Asked, ByHand, SkippedShell, StartupChoice
from torchup.words import tr


def choose_startup_files(
    *,
    shells: Literal["auto", "none"] | tuple[str, ...],
    scope: Literal["interactive", "all"],
    rc: str | None,
    home: str,
    facts_shells: Shells,
    environ: Mapping[str, str],
    contents: Mapping[str, bytes] | None = None,
    asked: Asked | None = None,
) -> StartupChoice:
    """Choose the start-up files for the shells that are wished for.

    `environ` may hold ZDOTDIR (best as a real zsh names it) and XDG_CONFIG_HOME. `contents` are the
    bytes of start-up files by absolute path, where they were read: a login file that reads `.bashrc`
    needs no block of its own. No file is chosen whose creation would hide another. Where the shells are
    found by themselves and Environment Modules set CUDA up, no file is edited.
    """
    asked = asked or Asked()
    if shells == "none":
        return StartupChoice(notes=(tr("no start-up file is edited, as you asked"),))
    known = Home(
        home=home,
        environ=environ,
        existing=frozenset(facts_shells.files),
        contents=contents or {},
        everywhere=scope == "all",
        profiles=asked.profiles,
    )
    wanted, skipped, by_hand = _wanted(shells, facts_shells)
    if rc is not None:
        choice = _named_file(rc, wanted, known)
        return choice.without(asked.look(choice.files))
    files: list[StartupFile] = []
    notes: list[str] = []
    for shell in wanted:
        files.extend(shell.writes(known))
        if scope in shell.scope_notes:
            notes.append(tr(shell.scope_notes[scope]))
    choice = StartupChoice(
        files=_once(files), skipped=tuple(skipped), notes=tuple(dict.fromkeys(notes)), by_hand=tuple(by_hand)
    )
    module = find_module_use(known.contents, environ) if shells == "auto" else None
    if module is not None and choice.files:
        return choice.printed_only(
            tr(
                "the module {module} sets CUDA up here ({where}), and a block for every shell could contradict it; name the shells to have it all the same",
                module=module.module,
                where=module.where,
            )
        )
    return choice.without(asked.look(choice.files))


def _wanted(
    shells: Literal["auto", "none"] | tuple[str, ...],
    facts: Shells,
) -> tuple[list[Shell], list[SkippedShell], list[ByHand]]:
    installed = set(map(_name, facts.installed))
    if isinstance(shells, str):
        return _automatic(facts, installed)
    wanted: list[Shell] = []
    skipped: list[SkippedShell] = []
    by_hand: list[ByHand] = []
    for name in dict.fromkeys(map(_name, shells)):
        if name == CONDA:
            skipped.append(SkippedShell(shell=name, reason=tr("a conda environment gets its own scripts, not a block")))
        elif name not in CONFIGURED:
            by_hand.append(_unknown(name))
        elif installed and name not in installed:
            skipped.append(SkippedShell(shell=name, reason=tr("{shell} is not installed", shell=name)))
        else:
            wanted.append(CONFIGURED[name])
    return wanted, skipped, by_hand


def _automatic(facts: Shells, installed: set[str]) -> tuple[list[Shell], list[SkippedShell], list[ByHand]]:
    login = _name(facts.login) if facts.login else None
    if login in NOT_FOR_PEOPLE:
        reason = tr("the login shell is {login}, so no start-up file is edited unless shells are named", login=login)
        by_hand = ByHand(shell=login or "sh", language="sh", path=None, why=reason)
        return [], [SkippedShell(shell=login or "", reason=reason)], [by_hand]
    wanted = [shell for shell in SHELLS if shell.usual and (shell.name in installed or shell.name == login)]
    unknown: list[ByHand] = []
    for name in dict.fromkeys(_name(name) for name in (facts.login, facts.current) if name):
        if name in NOT_FOR_PEOPLE or name in [shell.name for shell in wanted]:
            continue
        if name in CONFIGURED:
            wanted.append(CONFIGURED[name])
        else:
            unknown.append(_unknown(name))
    return wanted, [], unknown


def _unknown(name: str) -> ByHand:
    shell = named(name)
    where = tr(shell.pointer) if shell is not None and shell.pointer else tr("see its manual for the file")
    why = tr(
        "torchup has no settings in the language of {shell}, so these values are for you to set ({where})",
        shell=name,
        where=where,
    )
    return ByHand(shell=name, language=None, path=None, why=why)


def _named_file(rc: str, wanted: list[Shell], known: Home) -> StartupChoice:
    path = known.at(rc[2:]) if rc.startswith("~/") else posixpath.join(known.home, rc)
    shell = owner(path)
    if shell is None or shell.language is None:
        shell = wanted[0] if wanted else CONFIGURED["bash"]
    file = StartupFile(
        shell=shell.name,
        language=shell.language.name if shell.language is not None else "sh",
        path=path,
        create=True,
        modes=(),
        why=tr("you named this file"),
    )
    return StartupChoice(files=(file,))


def _once(files: list[StartupFile]) -> tuple[StartupFile, ...]:
    """Keep the first of the files at one path: bash, ksh and dash share .profile."""
    by_path: dict[str, StartupFile] = {}
    for file in files:
        by_path.setdefault(file.path, file)
    return tuple(by_path.values())


def _name(shell: str) -> str:
    known = named(shell)
    return known.name if known is not None else posixpath.basename(shell).removeprefix("-")
