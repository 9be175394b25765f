"""The body of the managed block: the one line that reads our env file where it is there."""

from __future__ import annotations

from torchup.errors import UsageError
from torchup.shell.kinds import language_named
from torchup.shell.templates import render
from torchup.words import tr

_HEADER = "# Reads the settings that torchup made. `torchup undo` removes this file.\n"


def block_body(language: str, env_file: str) -> str:
    """Write the line that reads `env_file`, an absolute path, where it exists.

    It stands in an `if`, because a missing file stops dash and a false `&&` list stops a caller's
    `set -e`, and it has no form that `conda init` comments out. The text ends with a newline and is
    to be encoded like an env file. Raises UsageError `path-unquotable` or `path-not-absolute`.
    """
    spoken = language_named(language)
    if not env_file.startswith("/") and not spoken.drives:
        raise UsageError(
            tr("The path of the env file is not absolute."),
            code="path-not-absolute",
            evidence=(repr(env_file),),
            hint=tr("Give the whole path: a start-up file is read from any directory."),
        )
    return render(spoken.block, env_file=env_file)


def own_file(language: str, env_file: str) -> str:
    """Write a start-up file that is ours as a whole, where a shell reads a folder of them; it takes a block's place."""
    return _HEADER + block_body(language, env_file)
