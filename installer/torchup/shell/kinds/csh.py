"""tcsh, and csh where it is a program of its own."""

from __future__ import annotations

from torchup.shell.kinds.kind import (
    EVERY_MODE,
    Home,
    Language,
    Shell,
    Started,
    StartMode,
    StartupFile,
    block_in,
    starts_with_command,
)
from torchup.words import tr


def quote(text: str) -> str:
    """Quote a text for csh.

    `!` is history expansion even between single quotes, and `set backslash_quote` changes what a backslash
    means there; outside quotes a backslash has one meaning for all three.
    """
    return "'" + "".join(f"'\\{character}'" if character in "'!\\" else character for character in text) + "'"


LANGUAGE = Language(
    name="csh",
    quote=quote,
    reads="source",
    templates="csh",
    block="csh/cshrc",
    env_file="env.csh",
    activate="activate.csh",
)


def _starts(program: str, mode: StartMode, command: str) -> Started:
    if mode in ("login", "interactive"):
        # With -c it does not take itself for interactive, whatever else it is told.
        return Started(argv=(f"-{program}",) if mode == "login" else (program, "-i"), typed=command)
    return starts_with_command(program, mode, command)


def _writes_tcsh(known: Home) -> tuple[StartupFile, ...]:
    tcshrc = known.at(".tcshrc")
    if known.exists(tcshrc):
        return (block_in("tcsh", "csh", tcshrc, known, EVERY_MODE, tr("every tcsh reads it, and then not .cshrc")),)
    why = tr("every tcsh reads it; a new .tcshrc would hide it")
    return (block_in("tcsh", "csh", known.at(".cshrc"), known, EVERY_MODE, why),)


def _writes_csh(known: Home) -> tuple[StartupFile, ...]:
    return (block_in("csh", "csh", known.at(".cshrc"), known, EVERY_MODE, tr("every csh reads it")),)


TCSH = Shell(
    name="tcsh",
    programs=("tcsh",),
    language=LANGUAGE,
    reads=lambda home: tuple(home.at(name) for name in (".tcshrc", ".cshrc", ".login")),
    writes=_writes_tcsh,
    starts=_starts,
    runs_to_parse=True,
    ends=("tcshrc",),
    conda="csh",
)

CSH = Shell(
    name="csh",
    programs=("csh", "bsd-csh"),
    language=LANGUAGE,
    reads=lambda home: tuple(home.at(name) for name in (".cshrc", ".login")),
    writes=_writes_csh,
    starts=_starts,
    runs_to_parse=True,
    ends=("cshrc", ".login", ".csh"),
)
