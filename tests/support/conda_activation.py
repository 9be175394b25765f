"""What `conda activate` and `conda deactivate` make a shell do, for tests: a stand-in for conda's activator.

    python conda_activation.py LANGUAGE activate [--stack] PREFIX
    python conda_activation.py LANGUAGE deactivate | reactivate

It prints commands for the shell (sh, fish, csh, powershell), as conda does, in conda's order: PATH is worked
out first, from the environment as it is; then come the scripts of the environment that is left, last one
first; then variables and PATH; then the scripts of the environment that is entered. Scripts that change PATH
while an environment is left thus see their change overwritten.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

_ENDINGS = {"sh": ".sh", "fish": ".fish", "csh": ".csh", "powershell": ".ps1"}


def commands(language: str, arguments: list[str], environ: dict[str, str]) -> Iterator[str]:
    """Give the commands, one a line."""
    level = int(environ.get("CONDA_SHLVL") or 0)
    current = environ.get("CONDA_PREFIX")
    path = environ.get("PATH", "").split(":")
    action, *rest = arguments
    if action == "activate" and rest[-1] == current:
        action = "reactivate"
    leave: str | None = None
    enter: str | None = None
    changes: dict[str, str | None] = {}
    if action == "activate":
        enter, stacked = rest[-1], rest[0] == "--stack"
        leave = None if stacked or level == 0 else current
        kept = path if leave is None else _without(path, leave)
        changes = {"PATH": ":".join([f"{enter}/bin", *kept]), "CONDA_PREFIX": enter, "CONDA_SHLVL": str(level + 1)}
        if level:
            changes[f"CONDA_PREFIX_{level}"] = current
        if stacked and level:
            changes[f"CONDA_STACKED_{level + 1}"] = "true"
    elif action == "reactivate":
        leave = enter = current
        changes = {"PATH": ":".join([f"{current}/bin", *_without(path, str(current))])}
    elif current is not None:
        leave = current
        kept = _without(path, current)
        enter = environ.get(f"CONDA_PREFIX_{level - 1}") if level > 1 else None
        stacked = f"CONDA_STACKED_{level}" in environ
        new = kept if enter is None or stacked else [f"{enter}/bin", *kept]
        changes = {"PATH": ":".join(new), "CONDA_PREFIX": enter, "CONDA_SHLVL": str(level - 1) if level > 1 else None}
        changes |= {f"CONDA_PREFIX_{level - 1}": None, f"CONDA_STACKED_{level}": None}
    yield from (_run(language, script) for script in reversed(_scripts(language, leave, "deactivate.d")))
    yield from (_set(language, name, value) for name, value in changes.items())
    yield from (_run(language, script) for script in _scripts(language, enter, "activate.d"))


def _without(path: list[str], prefix: str) -> list[str]:
    own = f"{prefix}/bin"
    at = path.index(own) if own in path else None
    return path if at is None else [*path[:at], *path[at + 1 :]]


def _scripts(language: str, prefix: str | None, folder: str) -> list[str]:
    place = Path(prefix or "/nowhere") / "etc/conda" / folder
    return sorted(str(script) for script in place.glob(f"*{_ENDINGS[language]}")) if prefix else []


def _quote(language: str, text: str) -> str:
    if language == "fish":
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if language == "powershell":
        return "'" + text.replace("'", "''") + "'"
    if language == "csh":
        return "'" + "".join(f"'\\{letter}'" if letter in "'!\\" else letter for letter in text) + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def _run(language: str, script: str) -> str:
    word = {"sh": ".", "powershell": "."}.get(language, "source")
    return f"{word} {_quote(language, script)}"


def _set(language: str, name: str, value: str | None) -> str:
    if value is None:
        unset = {"sh": f"unset {name}", "fish": f"set -e {name}", "csh": f"unsetenv {name}"}
        # Unsetting what is not set is an error in some fish versions and in `set -e` shells of old.
        return unset.get(language, f"$env:{name} = $null")
    quoted = _quote(language, value)
    if language == "fish":
        # PATH is a list: its entries are words.
        words = " ".join(_quote(language, entry) for entry in value.split(":")) if name == "PATH" else quoted
        return f"set -gx {name} {words}"
    return {"sh": f"export {name}={quoted}", "csh": f"setenv {name} {quoted}"}.get(language, f"$env:{name} = {quoted}")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    print("\n".join(commands(sys.argv[1], sys.argv[2:], dict(os.environ))))
