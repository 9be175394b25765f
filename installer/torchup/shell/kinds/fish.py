"""fish."""

from __future__ import annotations

from torchup.shell.kinds.kind import EVERY_MODE, Home, Language, Shell, StartupFile
from torchup.words import tr


def quote(text: str) -> str:
    """Quote a text for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


LANGUAGE = Language(
    name="fish",
    quote=quote,
    reads="source",
    templates="fish",
    block="fish/fish",
    env_file="env.fish",
    activate="activate.fish",
)


def _reads(home: Home) -> tuple[str, ...]:
    folder = home.config("fish", "conf.d")
    listed = (name for name in home.names(folder) if name.endswith(".fish"))
    return home.config("fish", "config.fish"), *(f"{folder}/{name}" for name in listed)


def _writes(known: Home) -> tuple[StartupFile, ...]:
    file = StartupFile(  # noqa: S604 - names a shell, starts none
        shell="fish",
        language="fish",
        path=known.config("fish", "conf.d", "torchup.fish"),
        create=True,
        modes=EVERY_MODE,
        why=tr("every fish reads the files in conf.d, and this one is ours alone"),
        form="own-file",
    )
    return (file,)


FISH = Shell(
    name="fish",
    programs=("fish",),
    language=LANGUAGE,
    reads=_reads,
    writes=_writes,
    parser=lambda file: ("fish", "--no-config", "--no-execute", file),
    ends=(".fish",),
    completes=True,
    conda="fish",
)
