"""PowerShell: `pwsh` everywhere, `powershell` on Windows."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.shell.kinds.kind import EVERY_MODE, Home, Language, Shell, Started, StartMode, StartupFile, block_in
from torchup.words import tr


def quote(text: str) -> str:
    """Quote a text as one string expression; raises UsageError `path-unquotable` for bytes that are no text.

    Windows PowerShell reads a file without a byte order mark in the ANSI code page, so the script stays ASCII
    and other characters are spelled as UTF-16 units. That also covers the typographic quotes, which PowerShell
    takes for straight ones.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            tr("A path that is not valid text cannot be written into a PowerShell profile."),
            code="path-unquotable",
            evidence=(repr(text),),
            hint=tr("Use a path whose name is valid UTF-8, for example through a link."),
        ) from error
    if text.isascii():
        return "'" + text.replace("'", "''") + "'"
    parts = ["''"]
    plain = ""
    for character in text:
        if character.isascii():
            plain += character
            continue
        if plain:
            parts.append("'" + plain.replace("'", "''") + "'")
            plain = ""
        units = character.encode("utf-16-be")
        parts.extend(f"[char]0x{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))
    if plain:
        parts.append("'" + plain.replace("'", "''") + "'")
    return "(" + " + ".join(parts) + ")"


LANGUAGE = Language(
    name="powershell",
    quote=quote,
    reads=".",
    templates="powershell",
    block="powershell/profile.ps1",
    env_file="env.ps1",
    activate="activate.ps1",
    continues=b"`",
    calls="& ",
    drives=True,
)


def _profile(home: Home) -> str:
    return home.config("powershell", "profile.ps1")


def _starts(program: str, _mode: StartMode, command: str) -> Started:
    return Started(argv=(program, "-NoLogo", "-Command", command))


def _writes(known: Home) -> tuple[StartupFile, ...]:
    named = known.profiles.get("powershell")
    why = tr("PowerShell named it: it reads it in every host") if named else tr("PowerShell reads it in every host")
    return (block_in("powershell", "powershell", named or _profile(known), known, EVERY_MODE, why),)


POWERSHELL = Shell(
    name="powershell",
    programs=("pwsh", "powershell"),
    language=LANGUAGE,
    reads=lambda home: (_profile(home),),
    writes=_writes,
    starts=_starts,
    question=(
        *("-NoLogo", "-NoProfile", "-NonInteractive", "-Command"),
        "[Console]::Out.Write($PROFILE.CurrentUserAllHosts)",
    ),
    ends=(".ps1",),
    conda="ps1",
)
