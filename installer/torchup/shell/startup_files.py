"""Choosing the start-up files: which shells are meant, and which files get our block."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torchup.model.facts import Shells
from torchup.shell.environment_modules import find_module_use
from torchup.shell.quoting import Language
from torchup.shell.startup_shells import CHOOSERS, Home, StartMode, StartupFile

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedShell:
    """A shell that gets nothing, and why."""

    shell: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unedited:
    """Why a chosen start-up file is not edited.

    `served`: its shell has the settings already, from another file. `opted-out`: the person made it a thing
    that holds no lines, as a link to /dev/null. `unusable`: it cannot be written as it is; `hint` says what
    would change that.
    """

    kind: Literal["served", "opted-out", "unusable"]
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the shells and the disk tell when they are asked; the defaults ask nobody.

    `profiles` are start-up files by shell, as the shell itself names them; `files` are further start-up files
    that exist. `look` tells which of the chosen files are not to be edited, by path.
    """

    profiles: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    look: Callable[[tuple[StartupFile, ...]], Mapping[str, Unedited]] = lambda _files: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A shell whose lines a person adds, because torchup does not: to `path` where that is known.

    `language` is None for a shell that torchup has no file for.
    """

    shell: str
    language: Language | None
    path: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupChoice:
    """The files to edit in order, the shells left out, and sentences for the review screen.

    `served` are files that need no edit because their shell has the settings already. `by_hand` are the
    shells that get lines to add instead; `left_out` says which files should have been edited and could not.
    """

    files: tuple[StartupFile, ...] = ()
    skipped: tuple[SkippedShell, ...] = ()
    notes: tuple[str, ...] = ()
    served: tuple[StartupFile, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    left_out: tuple[str, ...] = ()

    def printed_only(self, why: str) -> StartupChoice:
        """Edit no file and have the lines added by hand, all for one reason."""
        by_hand = [ByHand(shell=file.shell, language=file.language, path=file.path, why=why) for file in self.files]
        notes = tuple(note for note in self.notes if note not in _NOT_EVERYWHERE.values())
        return replace(self, files=(), by_hand=(*self.by_hand, *by_hand), notes=notes)

    def without(self, unedited: Mapping[str, Unedited]) -> StartupChoice:
        """Leave out the files that are not to be edited."""
        notes = [*self.notes]
        left_out: list[str] = []
        by_hand = [*self.by_hand]
        for file in self.files:
            found = unedited.get(file.path)
            if found is None:
                continue
            if found.kind == "unusable":
                left_out.append(f"{file.path} gets no block: {found.why}." + (f" {found.hint}" if found.hint else ""))
                by_hand.append(ByHand(shell=file.shell, language=file.language, path=file.path, why=found.why))
            else:
                notes.append(f"{file.path} gets no block: {found.why}")
        return replace(
            self,
            files=tuple(file for file in self.files if file.path not in unedited),
            notes=tuple(notes),
            served=tuple(file for file in self.files if file.path in unedited and unedited[file.path].kind == "served"),
            by_hand=tuple(by_hand),
            left_out=tuple(left_out),
        )


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
        return StartupChoice(notes=("no start-up file is edited, as you asked",))
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
            notes.append(_NO_SCRIPTS[shell])
        elif not known.everywhere and shell in _NOT_EVERYWHERE:
            notes.append(_NOT_EVERYWHERE[shell])
    choice = StartupChoice(
        files=_once(files), skipped=tuple(skipped), notes=tuple(dict.fromkeys(notes)), by_hand=tuple(by_hand)
    )
    module = find_module_use(known.contents, environ) if shells == "auto" else None
    if module is not None and choice.files:
        return choice.printed_only(
            f"the module {module.module} sets CUDA up here ({module.where}), and a block for every shell could "
            "contradict it; name the shells to have it all the same"
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
            skipped.append(SkippedShell(shell=shell, reason="a conda environment gets its own scripts, not a block"))
        elif shell not in CHOOSERS:
            by_hand.append(_unknown(shell))
        elif installed and shell not in installed and not (shell == "powershell" and "pwsh" in installed):
            skipped.append(SkippedShell(shell=shell, reason=f"{shell} is not installed"))
        else:
            wanted.append(shell)
    return wanted, skipped, by_hand


def _automatic(facts: Shells, installed: set[str]) -> tuple[list[str], list[SkippedShell], list[ByHand]]:
    login = _name(facts.login) if facts.login else None
    if login in _NO_SHELL:
        reason = f"the login shell is {login}, so no start-up file is edited unless shells are named"
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
    where = _POINTERS.get(shell, "see its manual for the file")
    why = f"torchup has no settings in the language of {shell}, so these values are for you to set ({where})"
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
        why="you named this file",
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
    "nu": "in the file that `$nu.config-path` names, by `$env.NAME = ...`",
    "elvish": "in rc.elv, by `set E:NAME = ...`",
    "xonsh": "in ~/.xonshrc, by `$NAME = ...`",
}

_NO_SCRIPTS = {
    "bash": "bash reads no file for scripts (`bash -c`); they inherit what their parent has",
    "dash": "dash reads no file for scripts; they inherit what their parent has",
    "ksh": "ksh reads no file for scripts; they inherit what their parent has",
}

_NOT_EVERYWHERE = {
    "bash": "`ssh host command` will not see the variables in bash; `scope: all` changes that",
    "zsh": "`ssh host command` and scripts will not see the variables in zsh; `scope: all` changes that",
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
