"""The shells that torchup knows. Adding one is adding its module, its templates, and its row here."""

from __future__ import annotations

import posixpath

from torchup.errors import UsageError
from torchup.shell.kinds.bash import BASH
from torchup.shell.kinds.by_hand import ELVISH, XONSH
from torchup.shell.kinds.csh import CSH, TCSH
from torchup.shell.kinds.fish import FISH
from torchup.shell.kinds.kind import Language, Shell
from torchup.shell.kinds.nushell import NUSHELL
from torchup.shell.kinds.posix import DASH, KSH, SH
from torchup.shell.kinds.powershell import POWERSHELL
from torchup.shell.kinds.zsh import ZSH
from torchup.words import tr

SHELLS: tuple[Shell, ...] = (BASH, ZSH, FISH, TCSH, CSH, KSH, DASH, POWERSHELL, NUSHELL, ELVISH, XONSH)

CONFIGURED: dict[str, Shell] = {shell.name: shell for shell in SHELLS if shell.language is not None}
"""The shells that torchup writes settings for, by name."""

SPOKEN: dict[str, Language] = {shell.name: shell.language for shell in SHELLS if shell.language is not None}
"""The language that each of them speaks, by the shell's name."""

LANGUAGES: dict[str, Language] = {language.name: language for language in (SH, *SPOKEN.values())}

CONDA = "conda"
"""Named among the shells in answers, though it is none: a conda environment gets scripts of its own."""

NOT_FOR_PEOPLE = ("nologin", "false", "true", "sync", "sh")
"""Accounts with these belong to services, or their shell reads no file that we could be sure of."""

_BY_PROGRAM = {program: shell for shell in SHELLS for program in (shell.name, *shell.programs)}


def named(name: str) -> Shell | None:
    """Find a shell by its name, a program's name or path, or the first argument of its process (`-zsh`)."""
    return _BY_PROGRAM.get(posixpath.basename(name.replace("\\", "/")).removeprefix("-").removesuffix(".exe"))


def language_named(name: str) -> Language:
    """Find a language by its name; raises UsageError `unknown-shell-language` for a plan of another version."""
    try:
        return LANGUAGES[name]
    except KeyError:
        raise UsageError(
            tr("This version of torchup writes nothing in the language {name}.", name=repr(name)),
            code="unknown-shell-language",
            hint=tr("Use the version of torchup that made the plan."),
        ) from None


def owner(path: str) -> Shell | None:
    """Tell by the end of its name whose start-up file this is; `.tcshrc` ends like csh's too, so tcsh comes first."""
    name = posixpath.basename(path)
    return next((shell for shell in SHELLS if name.endswith(shell.ends)), None)
