"""zsh."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from torchup.shell.kinds.kind import Home, Shell, StartupFile, block_in
from torchup.shell.kinds.posix import SH
from torchup.words import mark, tr

LANGUAGE = replace(SH, name="zsh", block="zsh/zshrc")


def _folder(home: Home) -> str:
    return home.environ.get("ZDOTDIR") or home.home


def _reads(home: Home) -> tuple[str, ...]:
    # The .zshenv in the home may be the one that moves the others.
    moved = (posixpath.join(_folder(home), name) for name in (".zshenv", ".zprofile", ".zshrc", ".zlogin"))
    return home.at(".zshenv"), *moved


def _writes(known: Home) -> tuple[StartupFile, ...]:
    folder = _folder(known)
    why = (
        tr("interactive zsh reads it")
        if folder == known.home
        else tr("interactive zsh reads it, in {folder}, where ZDOTDIR points", folder=folder)
    )
    rc = block_in("zsh", "zsh", posixpath.join(folder, ".zshrc"), known, ("interactive", "login"), why)
    if not known.everywhere:
        return (rc,)
    # A ~/.zshenv that sets ZDOTDIR is itself read from the home by a shell that starts without it.
    choices = [path for path in (known.at(".zshenv"), posixpath.join(folder, ".zshenv")) if known.exists(path)]
    return rc, *(
        block_in("zsh", "zsh", path, known, ("script", "ssh"), tr("every zsh reads it, scripts too"))
        for path in dict.fromkeys(choices or [posixpath.join(folder, ".zshenv")])
    )


ZSH = Shell(
    name="zsh",
    programs=("zsh",),
    language=LANGUAGE,
    reads=_reads,
    writes=_writes,
    parser=lambda file: ("zsh", "-f", "-n", file),
    ends=("zshrc", "zshenv", "zprofile", "zlogin", ".zsh"),
    usual=True,
    completes=True,
    conda="sh",
    scope_notes={
        "interactive": mark(
            "`ssh host command` and scripts will not see the variables in zsh; `shell.scope: all` changes that"
        )
    },
)
