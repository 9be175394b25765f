"""Shells: the account's own, the one torchup runs in, those installed, and the start-up files that exist."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import Shells
from torchup.shell.kinds import NOT_FOR_PEOPLE, SHELLS, named
from torchup.shell.kinds.kind import Home
from torchup.words import tr

_MOST_ANCESTORS = 32
_STAT = r"(?s)\d+ \(.*\) \S (\d+)"
# Options with which a shell is not one that a person sits at.
_SCRIPTED = r"-[a-zA-Z]*c[a-zA-Z]*"


def read_shells(host: Host, notes: Notes, files_host: Host, login_shell: str | None) -> Shells:
    """Read everything about shells; `files_host` is where start-up files are read (and would be written)."""
    login = login_name(login_shell or host.environ.get("SHELL", ""))
    current = _read_current(host)
    return Shells(
        login=login,
        current=current,
        installed=_read_installed(host),
        files=tuple(path for path in startup_files(host) if _is_there(files_host, path, notes)),
    )


def shell_name(command: str) -> str | None:
    """Name the shell behind a path or a process's first argument, `-zsh` or `/usr/bin/ksh93`; None for no shell."""
    shell = named(command)
    return shell.program if shell is not None else None


def login_name(command: str) -> str | None:
    """Name an account's shell, also one that is none for a person (`nologin`, `false`) or plain `sh`."""
    plain = command.replace("\\", "/").rpartition("/")[2]
    return shell_name(command) or (plain if plain in NOT_FOR_PEOPLE else None)


def startup_files(host: Host) -> tuple[str, ...]:
    """List the start-up files that the known shells read in this home, whether or not they exist."""
    home = Home(home=host.home, environ=host.environ, names=host.names)
    return tuple(dict.fromkeys(path for shell in SHELLS for path in shell.reads(home)))


def parse_parent(stat: str) -> int | None:
    """Read the parent's id from /proc/<pid>/stat, whose second field may hold spaces and brackets."""
    match = re.match(_STAT, stat)
    return whole_number(match.group(1)) if match else None


def interactive_shell(arguments: tuple[str, ...]) -> str | None:
    """Name the shell that a command line starts for a person; None for scripts, `-c` and other programs."""
    if not arguments:
        return None
    name = shell_name(arguments[0])
    for argument in arguments[1:]:
        if not argument.startswith(("-", "+")) or re.fullmatch(_SCRIPTED, argument):
            return None
    return name


def current_shell(pid: int, read: Callable[[str], str | None]) -> str | None:
    """Walk up the processes from `pid` to the nearest shell that a person sits at.

    A shell that only runs a script or a command line (as make does) is passed over.
    """
    for _ in range(_MOST_ANCESTORS):
        parent = parse_parent(read(f"/proc/{pid}/stat") or "")
        if not parent:
            return None
        arguments = tuple((read(f"/proc/{parent}/cmdline") or "").rstrip("\0").split("\0"))
        if name := interactive_shell(arguments):
            return name
        pid = parent
    return None


def _read_current(host: Host) -> str | None:
    if not host.live:
        return None
    if host.system == "linux":
        return current_shell(os.getpid(), lambda path: host.read_text(path, quiet=True))
    import shellingham

    try:
        name, _ = shellingham.detect_shell()
    except (shellingham.ShellDetectionFailure, OSError, RuntimeError):
        return None  # started by something that is not a shell
    return shell_name(name)


def _read_installed(host: Host) -> tuple[str, ...]:
    listed = [line.strip() for line in (host.read_text("/etc/shells") or "").splitlines()]
    paths = [path for path in listed if path.startswith("/") and shell_name(path) and host.executable(path)]
    names = {name for path in paths if (name := shell_name(path))}
    # Elsewhere another name of a shell may be another version of it; Windows brings its own PowerShell.
    known_as = slice(None) if host.system == "windows" else slice(1)
    names |= {shell.program for shell in SHELLS if any(map(host.which, shell.programs[known_as]))}
    return tuple(shell.program for shell in SHELLS if shell.program in names)


def _is_there(host: Host, path: str, notes: Notes) -> bool:
    if host.is_file(path):
        return True
    if host.link_target(path) is not None and not host.exists(path):
        notes.add("startup-file-dangling", tr("A start-up file is a link that leads nowhere."), path)
    elif host.is_dir(path):
        notes.add("startup-file-is-directory", tr("A directory has the name of a start-up file."), path)
    return False
