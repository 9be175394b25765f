"""nushell, from 0.102 on, whose `source` takes null for no file."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.shell.kinds.kind import Home, Language, Shell, Started, StartMode, StartupFile
from torchup.words import mark, tr


def quote(text: str) -> str:
    """Quote a text for nushell; raises UsageError `path-unquotable` for bytes that are no text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            tr("A path that is not valid text cannot be written into a file of nushell."),
            code="path-unquotable",
            evidence=(repr(text),),
            hint=tr("Use a path whose name is valid UTF-8, for example through a link."),
        ) from error
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


LANGUAGE = Language(
    name="nu",
    quote=quote,
    reads="source",
    templates="nushell",
    block="nushell/source",
    env_file="env.nu",
    activate="activate.nu",
    enters="overlay use",
    calls="^",
    drives=True,
)


def _reads(home: Home) -> tuple[str, ...]:
    files = (home.config("nushell", name) for name in ("env.nu", "config.nu", "login.nu"))
    folder = _autoload(home)
    return *files, *(f"{folder}/{name}" for name in home.names(folder) if name.endswith(".nu"))


def _autoload(home: Home) -> str:
    return home.profiles.get("nushell") or home.config("nushell", "autoload")


def _writes(known: Home) -> tuple[StartupFile, ...]:
    file = StartupFile(  # noqa: S604 - names a shell, starts none
        shell="nushell",
        language="nu",
        path=f"{_autoload(known)}/torchup.nu",
        create=True,
        modes=("interactive", "login"),
        why=tr("nushell reads the files in its autoload folder when a person starts it, and this one is ours alone"),
        form="own-file",
    )
    return (file,)


def _starts(program: str, mode: StartMode, command: str) -> Started:
    if mode in ("script", "ssh"):
        return Started(argv=(program, "--commands", command))
    login = ("--login",) if mode == "login" else ()
    # With --commands it would not be the shell that a person sits at, which alone reads the folder.
    return Started(argv=(program, "--no-history", *login, "--execute", f"{command}; exit"), terminal=True)


_NO_SCRIPTS = mark("nushell reads no file for scripts (`nu -c`); they inherit what their parent has")

NUSHELL = Shell(
    name="nushell",
    programs=("nu", "nushell"),
    language=LANGUAGE,
    reads=_reads,
    writes=_writes,
    starts=_starts,
    # What is never run is parsed all the same.
    parser=lambda file: ("nu", "--no-config-file", "--commands", f"if false {{ source {quote(file)} }}"),
    question=("--no-config-file", "--commands", "print --no-newline ($nu.user-autoload-dirs | first)"),
    ends=(".nu",),
    scope_notes={"interactive": _NO_SCRIPTS, "all": _NO_SCRIPTS},
)
