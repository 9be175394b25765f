"""Choosing the start-up files: which shells are meant, and which files get our block."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torchup.model.facts import Shells
from torchup.shell.quoting import Language
from torchup.shell.startup_shells import CHOOSERS, Home, StartMode, StartupFile

__all__ = ["LANGUAGES", "SkippedShell", "StartMode", "StartupChoice", "StartupFile", "choose_startup_files"]

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
class StartupChoice:
    """The files to edit in order, the shells left out, and sentences for the review screen."""

    files: tuple[StartupFile, ...] = ()
    skipped: tuple[SkippedShell, ...] = ()
    notes: tuple[str, ...] = ()


def choose_startup_files(
    *,
    shells: Literal["auto", "none"] | tuple[str, ...],
    scope: Literal["interactive", "all"],
    rc: str | None,
    home: str,
    facts_shells: Shells,
    environ: Mapping[str, str],
    contents: Mapping[str, bytes] | None = None,
) -> StartupChoice:
    """Choose the start-up files for the shells that are wished for.

    `environ` may hold ZDOTDIR (best as a real zsh names it) and XDG_CONFIG_HOME. `contents` are the
    bytes of start-up files by absolute path, where they were read: a login file that reads `.bashrc`
    needs no block of its own. No file is chosen whose creation would hide another.
    """
    if shells == "none":
        return StartupChoice(notes=("no start-up file is edited, as you asked",))
    known = Home(
        home=home,
        environ=environ,
        existing=frozenset(facts_shells.files),
        contents=contents or {},
        everywhere=scope == "all",
    )
    wanted, skipped = _wanted(shells, facts_shells)
    if rc is not None:
        return _named_file(rc, wanted, known)
    files: list[StartupFile] = []
    notes: list[str] = []
    for shell in wanted:
        files.extend(CHOOSERS[shell](shell, known))
        if known.everywhere and shell in _NO_SCRIPTS:
            notes.append(_NO_SCRIPTS[shell])
        elif not known.everywhere and shell in _NOT_EVERYWHERE:
            notes.append(_NOT_EVERYWHERE[shell])
    return StartupChoice(files=_once(files), skipped=tuple(skipped), notes=tuple(notes))


def _wanted(
    shells: Literal["auto", "none"] | tuple[str, ...],
    facts: Shells,
) -> tuple[list[str], list[SkippedShell]]:
    installed = {_name(shell) for shell in facts.installed}
    if isinstance(shells, str):
        return _automatic(facts, installed)
    wanted: list[str] = []
    skipped: list[SkippedShell] = []
    for shell in dict.fromkeys(map(_name, shells)):
        if shell == "conda":
            skipped.append(SkippedShell(shell=shell, reason="a conda environment gets its own scripts, not a block"))
        elif shell not in CHOOSERS:
            skipped.append(SkippedShell(shell=shell, reason=_UNKNOWN))
        elif installed and shell not in installed and not (shell == "powershell" and "pwsh" in installed):
            skipped.append(SkippedShell(shell=shell, reason=f"{shell} is not installed"))
        else:
            wanted.append(shell)
    return wanted, skipped


def _automatic(facts: Shells, installed: set[str]) -> tuple[list[str], list[SkippedShell]]:
    login = _name(facts.login) if facts.login else None
    if login in _NO_SHELL:
        reason = f"the login shell is {login}, so no start-up file is edited unless shells are named"
        return [], [SkippedShell(shell=login or "", reason=reason)]
    wanted: list[str] = [shell for shell in ("bash", "zsh") if shell in installed or shell == login]
    skipped: list[SkippedShell] = []
    for shell in dict.fromkeys(_name(name) for name in (facts.login, facts.current) if name):
        if shell in wanted or shell in _NO_SHELL:
            continue
        if shell in CHOOSERS:
            wanted.append(shell)
        else:
            skipped.append(SkippedShell(shell=shell, reason=_UNKNOWN))
    return wanted, skipped


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
    return "powershell" if name == "pwsh" else name


_UNKNOWN = "torchup does not know its start-up files; `torchup shell show` prints the values to set"

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
