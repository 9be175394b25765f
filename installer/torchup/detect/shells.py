"""Shells: the account's own, the one torchup runs in, those installed, and the start-up files that exist."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import Shells
from torchup.words import tr

KNOWN = ("bash", "zsh", "fish", "tcsh", "csh", "ksh", "dash", "pwsh", "nu", "elvish", "xonsh")
_ALIASES = {"ksh93": "ksh", "mksh": "ksh", "ksh2020": "ksh", "powershell": "pwsh", "bsd-csh": "csh", "rbash": "bash"}
_NOT_FOR_PEOPLE = ("nologin", "false", "true", "sync", "sh")
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
    name = command.replace("\\", "/").rpartition("/")[2].lstrip("-").removesuffix(".exe")
    name = _ALIASES.get(name, name)
    return name if name in KNOWN else None


def login_name(command: str) -> str | None:
    """Name an account's shell, also one that is none for a person (`nologin`, `false`) or plain `sh`."""
    plain = command.replace("\\", "/").rpartition("/")[2]
    return shell_name(command) or (plain if plain in _NOT_FOR_PEOPLE else None)


def startup_files(host: Host) -> tuple[str, ...]:
    """List the start-up files that the known shells read in this home, whether or not they exist."""
    home = host.home
    zdotdir = host.environ.get("ZDOTDIR") or home
    config = host.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    files = [f"{home}/{name}" for name in (".bashrc", ".bash_profile", ".bash_login", ".profile")]
    files += [f"{home}/.zshenv"]
    files += [f"{zdotdir}/{name}" for name in (".zshenv", ".zprofile", ".zshrc", ".zlogin")]
    files += [f"{config}/fish/config.fish"]
    files += [f"{config}/fish/conf.d/{name}" for name in host.names(f"{config}/fish/conf.d") if name.endswith(".fish")]
    files += [f"{home}/{name}" for name in (".tcshrc", ".cshrc", ".login", ".kshrc")]
    files += [f"{config}/{name}" for name in ("powershell/profile.ps1", "nushell/config.nu", "elvish/rc.elv")]
    return tuple(dict.fromkeys(files))


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
    names |= {name for name in KNOWN if name not in names and host.which(name)}
    if host.system == "windows" and host.which("powershell"):
        names.add("pwsh")
    return tuple(name for name in KNOWN if name in names)


def _is_there(host: Host, path: str, notes: Notes) -> bool:
    if host.is_file(path):
        return True
    if host.link_target(path) is not None and not host.exists(path):
        notes.add("startup-file-dangling", tr("A start-up file is a link that leads nowhere."), path)
    elif host.is_dir(path):
        notes.add("startup-file-is-directory", tr("A directory has the name of a start-up file."), path)
    return False
