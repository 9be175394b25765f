"""Where a variable is set: the file and the line, so that a person can take it out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from torchup.detect.host import Host
from torchup.model.facts import MachineFacts

_SYSTEM_FILES = (
    "/etc/environment",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh/zshenv",
    "/etc/zshenv",
)
_SYSTEM_FOLDERS = ("/etc/profile.d", "/etc/environment.d")
_MOST_SHOWN = 120


def find_setters(name: str, files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, int, str]]:
    """Find the lines that set or extend a variable, in sh, fish, csh, PowerShell and environment.d files.

    `files` are paths with their texts. Gives path, line from 1, and the line shortened.
    """
    word = re.escape(name)
    expression = re.compile(
        rf"^\s*(?:export\s+|typeset\s+-x\s+|declare\s+-x\s+|readonly\s+|env\s+)?{word}\+?="
        rf"|^\s*set\s+(?:-{{1,2}}[\w-]+\s+)*{word}\s"
        rf"|^\s*setenv\s+{word}\s"
        rf"|^\s*\$env:{word}\s*=|(?:;|&&)\s*(?:export\s+)?{word}=",
        re.IGNORECASE if name.isupper() is False else 0,
    )
    for path, text in files:
        for number, line in enumerate(text.splitlines(), start=1):
            if expression.search(line):
                yield path, number, line.strip()[:_MOST_SHOWN]


def where_set(name: str, host: Host, facts: MachineFacts, *, prefix: str | None = None) -> tuple[str, ...]:
    """Tell where start-up files, the system and the environment set a variable: `path:line: text`."""
    paths = [*facts.shells.files, f"{host.home}/.pam_environment", *_SYSTEM_FILES]
    folders = [*_SYSTEM_FOLDERS, f"{host.home}/.config/environment.d"]
    if prefix:
        folders.append(f"{prefix}/etc/conda/activate.d")
        paths += [f"{prefix}/bin/activate", f"{prefix}/bin/activate.fish", f"{prefix}/bin/activate.csh"]
    paths += [f"{folder}/{entry}" for folder in folders for entry in host.names(folder)]
    texts = [(path, text) for path in dict.fromkeys(paths) if (text := host.read_text(path, quiet=True)) is not None]
    return tuple(f"{path}:{number}: {line}" for path, number, line in find_setters(name, texts))
