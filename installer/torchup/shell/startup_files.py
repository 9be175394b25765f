"""Choosing the start-up files: which shells are meant, and which files get our block."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Literal

from torchup.model.facts import Shells
from torchup.shell.environment_modules import find_module_use
from torchup.shell.quoting import Language
from torchup.shell.startup_choice import NOT_EVERYWHERE, Asked, ByHand, SkippedShell, StartupChoice, Unedited
from torchup.shell.startup_shells import CHOOSERS, Home, StartMode, StartupFile
from torchup.words import mark, tr

__all__ = [
    "LANGUAGES",
    "Asked",
    "ByHand",
    "SkippedShell",
    "StartMode",
    "StartupChoice",
    "StartupFile",
    "Unedited",
    "choose_startup_files",
]

LANGUAGES: dict[str, Language] = {
    "bash": "bash",
    "zsh": "zsh",
    "fish": "fish",
    "csh": "csh",
    "tcsh": "csh",
    "ksh": "sh",
    "dash": "sh",
    "powershell": "powershell",
}

# Accounts with these belong to services, or their shell reads no file that we could be sure of.
_NO_SHELL = {"nologin", "false", "true", "sync", "sh"}


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
        files.extend(CHOOSERS[shell](shell, known))
        if known.everywhere and shell in _NO_SCRIPTS:
            notes.append(tr(_NO_SCRIPTS[shell]))
        elif not known.everywhere and shell in NOT_EVERYWHERE:
            notes.append(tr(NOT_EVERYWHERE[shell]))
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
) -> tuple[list[str], list[SkippedShell], list[ByHand]]:
    installed = {_name(shell) for shell in facts.installed}
    if isinstance(shells, str):
        return _automatic(facts, installed)
    wanted: list[str] = []
    skipped: list[SkippedShell] = []
    by_hand: list[ByHand] = []
    for shell in dict.fromkeys(map(_name, shells)):
        if shell == "conda":
            skipped.append(
                SkippedShell(shell=shell, reason=tr("a conda environment gets its own scripts, not a block"))
            )
        elif shell not in CHOOSERS:
            by_hand.append(_unknown(shell))
        elif installed and shell not in installed and not (shell == "powershell" and "pwsh" in installed):
            skipped.append(SkippedShell(shell=shell, reason=tr("{shell} is not installed", shell=shell)))
        else:
            wanted.append(shell)
    return wanted, skipped, by_hand


def _automatic(facts: Shells, installed: set[str]) -> tuple[list[str], list[SkippedShell], list[ByHand]]:
    login = _name(facts.login) if facts.login else None
    if login in _NO_SHELL:
        reason = tr("the login shell is {login}, so no start-up file is edited unless shells are named", login=login)
        by_hand = ByHand(shell=login or "sh", language="sh", path=None, why=reason)
        return [], [SkippedShell(shell=login or "", reason=reason)], [by_hand]
    wanted: list[str] = [shell for shell in ("bash", "zsh") if shell in installed or shell == login]
    unknown: list[ByHand] = []
    for shell in dict.fromkeys(_name(name) for name in (facts.login, facts.current) if name):
        if shell in wanted or shell in _NO_SHELL:
            continue
        if shell in CHOOSERS:
            wanted.append(shell)
        else:
            unknown.append(_unknown(shell))
    return wanted, [], unknown


def _unknown(shell: str) -> ByHand:
    where = tr(_POINTERS[shell]) if shell in _POINTERS else tr("see its manual for the file")
    why = tr(
        "torchup has no settings in the language of {shell}, so these values are for you to set ({where})",
        shell=shell,
        where=where,
    )
    return ByHand(shell=shell, language=None, path=None, why=why)


def _named_file(rc: str, wanted: list[str], known: Home) -> StartupChoice:
    path = known.at(rc[2:]) if rc.startswith("~/") else posixpath.join(known.home, rc)
    shell = _shell_of(path) or (wanted[0] if wanted else "bash")
    file = StartupFile(
        shell=shell,
        language=LANGUAGES[shell],
        path=path,
        create=True,
        modes=(),
        why=tr("you named this file"),
    )
    return StartupChoice(files=(file,))


def _shell_of(path: str) -> str | None:
    name = posixpath.basename(path)
    for shell, endings in _ENDINGS.items():
        if name.endswith(endings):
            return shell
    return None


def _once(files: list[StartupFile]) -> tuple[StartupFile, ...]:
    """Keep the first of the files at one path: bash, ksh and dash share .profile."""
    by_path: dict[str, StartupFile] = {}
    for file in files:
        by_path.setdefault(file.path, file)
    return tuple(by_path.values())


def _name(shell: str) -> str:
    name = posixpath.basename(shell).removeprefix("-")
    return {"pwsh": "powershell", "nushell": "nu"}.get(name, name)


_POINTERS = {
    "nu": mark("in the file that `$nu.config-path` names, by `$env.NAME = ...`"),
    "elvish": mark("in rc.elv, by `set E:NAME = ...`"),
    "xonsh": mark("in ~/.xonshrc, by `$NAME = ...`"),
}

_NO_SCRIPTS = {
    "bash": mark("bash reads no file for scripts (`bash -c`); they inherit what their parent has"),
    "dash": mark("dash reads no file for scripts; they inherit what their parent has"),
    "ksh": mark("ksh reads no file for scripts; they inherit what their parent has"),
}


_ENDINGS: dict[str, tuple[str, ...]] = {
    "fish": (".fish",),
    "powershell": (".ps1",),
    "zsh": ("zshrc", "zshenv", "zprofile", "zlogin", ".zsh"),
    "tcsh": ("tcshrc",),
    "csh": ("cshrc", ".login", ".csh"),
    "dash": (".profile", ".sh"),
    "ksh": ("kshrc",),
    "bash": ("bashrc", ".bash_profile", ".bash_login", ".bash"),
}
