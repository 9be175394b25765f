"""The body of the managed block: the one line that reads our env file where it is there."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.shell.quoting import Language
from torchup.shell.templates import render
from torchup.words import tr

_TEMPLATES: dict[Language, str] = {
    "bash": "bashrc",
    "zsh": "zshrc",
    "sh": "profile",
    "fish": "fish",
    "csh": "cshrc",
    "powershell": "profile.ps1",
}

_FISH_HEADER = "# Reads the settings that torchup made. `torchup undo` removes this file.\n"


def block_body(language: Language, env_file: str) -> str:
    """Write the line that reads `env_file`, an absolute path, where it exists.

    It stands in an `if`, because a missing file stops dash and a false `&&` list stops a caller's
    `set -e`, and it has no form that `conda init` comments out. The text ends with a newline and is
    to be encoded like an env file. Raises UsageError `path-unquotable` or `path-not-absolute`.
    """
    if not env_file.startswith("/") and language != "powershell":
        raise UsageError(
            tr("The path of the env file is not absolute."),
            code="path-not-absolute",
            evidence=(repr(env_file),),
            hint=tr("Give the whole path: a start-up file is read from any directory."),
        )
    return render(_TEMPLATES[language], env_file=env_file)


def fish_conf_file(env_file: str) -> str:
    """Write our own file for fish's `conf.d`, which takes the place of a block."""
    return _FISH_HEADER + block_body("fish", env_file)
