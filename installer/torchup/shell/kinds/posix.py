"""The plain shell language, and the shells that speak no more than that: ksh and dash."""

from __future__ import annotations

import os

from torchup.shell.kinds.kind import (
    Home,
    Language,
    Shell,
    Started,
    StartMode,
    StartupFile,
    block_in,
    starts_with_command,
)
from torchup.words import mark, tr


def quote(text: str) -> str:
    """Quote a text for bash, zsh and every other shell of the family."""
    return "'" + text.replace("'", "'\\''") + "'"


SH = Language(
    name="sh",
    quote=quote,
    reads=".",
    templates="posix",
    block="posix/profile",
    env_file="env.sh",
    activate="activate",
    posix=True,
)


def _writes(shell: str, known: Home, default: str = "") -> tuple[StartupFile, ...]:
    login = block_in(shell, "sh", known.at(".profile"), known, ("login",), tr("login {shell} reads it", shell=shell))
    for path in dict.fromkeys((known.environ.get("ENV", ""), default)):
        if path.startswith(known.home + "/") and known.exists(path):
            why = tr("interactive {shell} reads it", shell=shell)
            return login, block_in(shell, "sh", path, known, ("interactive",), why)
    return (login,)


def _start_ksh(program: str, mode: StartMode, command: str) -> Started:
    started = starts_with_command(program, mode, command)
    # It would write what it is asked to run into the person's history.
    return Started(argv=started.argv, environment={"HISTFILE": os.devnull})


KSH = Shell(
    name="ksh",
    programs=("ksh", "ksh93", "mksh", "ksh2020"),
    language=SH,
    reads=lambda home: (home.at(".profile"), home.at(".kshrc")),
    writes=lambda known: _writes("ksh", known, known.at(".kshrc")),
    starts=_start_ksh,
    parser=lambda file: ("ksh", "-n", file),
    ends=("kshrc",),
    scope_notes={"all": mark("ksh reads no file for scripts; they inherit what their parent has")},
)

DASH = Shell(
    name="dash",
    programs=("dash",),
    language=SH,
    reads=lambda home: (home.at(".profile"),),
    writes=lambda known: _writes("dash", known),
    parser=lambda file: ("dash", "-n", file),
    ends=(".profile", ".sh"),
    scope_notes={"all": mark("dash reads no file for scripts; they inherit what their parent has")},
)
