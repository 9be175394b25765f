"""What each shell reads when it starts, and which of those files is the one for our block."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torchup.shell.managed_block import Placement
from torchup.shell.quoting import Language
from torchup.words import tr

StartMode = Literal["interactive", "login", "script", "ssh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupFile:
    """A file that gets our block, or, with `form` own-file, a file that is ours as a whole.

    `modes` are the ways of starting `shell` that read it. `create` says that it may be missing.
    """

    shell: str
    language: Language
    path: str
    create: bool
    modes: tuple[StartMode, ...]
    why: str
    placement: Placement = "end"
    form: Literal["block", "own-file"] = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What is known about the start-up files of one home.

    `everywhere` is the scope `all`; `profiles` are files that the shells named themselves.
    """

    home: str
    environ: Mapping[str, str]
    existing: frozenset[str]
    contents: Mapping[str, bytes]
    everywhere: bool
    profiles: Mapping[str, str] = field(default_factory=dict)

    def at(self, *names: str) -> str:
        """Give the path of a file in the home."""
        return posixpath.join(self.home, *names)

    def exists(self, path: str) -> bool:
        """Tell whether a start-up file is known to be there."""
        return path in self.existing or path in self.contents

    def reads_bashrc(self, path: str) -> bool:
        """Tell whether a login file is known to read `.bashrc`; unknown content is a no."""
        code = re.sub(rb"(?m)^\s*#.*$", b"", self.contents.get(path, b""))
        return re.search(rb"(?m)(?:^|[\s;&|])(?:\.|source|\\\.)\s+[^\n;&|]*bashrc", code) is not None


def _bash(shell: str, known: Home) -> list[StartupFile]:
    bashrc = known.at(".bashrc")
    login_files = [path for name in _BASH_LOGIN if known.exists(path := known.at(name))]
    interactive: tuple[StartMode, ...] = ("interactive", "ssh") if known.everywhere else ("interactive",)
    placement: Placement = "before-return" if known.everywhere else "end"
    if login_files and known.reads_bashrc(login_files[0]):
        why = tr("interactive bash reads it, and login bash through {name}", name=posixpath.basename(login_files[0]))
        return [_file(shell, "bash", bashrc, known, (*interactive, "login"), why, placement)]
    rc = _file(shell, "bash", bashrc, known, interactive, tr("interactive bash reads it"), placement)
    if not login_files:
        why = tr("login bash reads it, and no other file that it would read exists")
        return [rc, _file(shell, "sh", known.at(".profile"), known, ("login",), why)]
    name = posixpath.basename(login_files[0])
    why = tr("it is the first file that login bash finds, and {name} is not known to read .bashrc", name=name)
    return [rc, _file(shell, "sh" if name == ".profile" else "bash", login_files[0], known, ("login",), why)]


def _zsh(shell: str, known: Home) -> list[StartupFile]:
    folder = known.environ.get("ZDOTDIR") or known.home
    why = (
        tr("interactive zsh reads it")
        if folder == known.home
        else tr("interactive zsh reads it, in {folder}, where ZDOTDIR points", folder=folder)
    )
    rc = posixpath.join(folder, ".zshrc")
    files = [_file(shell, "zsh", rc, known, ("interactive", "login"), why)]
    if known.everywhere:
        # A ~/.zshenv that sets ZDOTDIR is itself read from the home by a shell that starts without it.
        choices = [path for path in (known.at(".zshenv"), posixpath.join(folder, ".zshenv")) if known.exists(path)]
        files.extend(
            _file(shell, "zsh", path, known, ("script", "ssh"), tr("every zsh reads it, scripts too"))
            for path in dict.fromkeys(choices or [posixpath.join(folder, ".zshenv")])
        )
    return files


def _fish(shell: str, known: Home) -> list[StartupFile]:
    config = known.environ.get("XDG_CONFIG_HOME") or known.at(".config")
    path = posixpath.join(config, "fish", "conf.d", "torchup.fish")
    file = StartupFile(
        shell=shell,
        language="fish",
        path=path,
        create=True,
        modes=("interactive", "login", "script", "ssh"),
        why=tr("every fish reads the files in conf.d, and this one is ours alone"),
        form="own-file",
    )
    return [file]


def _csh(shell: str, known: Home) -> list[StartupFile]:
    modes: tuple[StartMode, ...] = ("interactive", "login", "script", "ssh")
    tcshrc = known.at(".tcshrc")
    if shell == "tcsh" and known.exists(tcshrc):
        return [_file(shell, "csh", tcshrc, known, modes, tr("every tcsh reads it, and then not .cshrc"))]
    why = tr("every csh reads it") if shell == "csh" else tr("every tcsh reads it; a new .tcshrc would hide it")
    return [_file(shell, "csh", known.at(".cshrc"), known, modes, why)]


def _profile(shell: str, known: Home) -> list[StartupFile]:
    files = [_file(shell, "sh", known.at(".profile"), known, ("login",), tr("login {shell} reads it", shell=shell))]
    named = known.environ.get("ENV", "")
    default = known.at(".kshrc") if shell == "ksh" else ""
    for path in dict.fromkeys((named, default)):
        if path.startswith(known.home + "/") and known.exists(path):
            files.append(
                _file(shell, "sh", path, known, ("interactive",), tr("interactive {shell} reads it", shell=shell))
            )
            break
    return files


def _powershell(shell: str, known: Home) -> list[StartupFile]:
    config = known.environ.get("XDG_CONFIG_HOME") or known.at(".config")
    named = known.profiles.get(shell)
    path = named or posixpath.join(config, "powershell", "profile.ps1")
    why = tr("PowerShell named it: it reads it in every host") if named else tr("PowerShell reads it in every host")
    return [_file(shell, "powershell", path, known, ("interactive", "login", "script", "ssh"), why)]


def _file(
    shell: str,
    language: Language,
    path: str,
    known: Home,
    modes: tuple[StartMode, ...],
    why: str,
    placement: Placement = "end",
) -> StartupFile:
    create = not known.exists(path)
    return StartupFile(
        shell=shell,
        language=language,
        path=path,
        create=create,
        modes=modes,
        why=tr("{why}; it will be created", why=why) if create else why,
        placement=placement,
    )


_BASH_LOGIN = (".bash_profile", ".bash_login", ".profile")

CHOOSERS: dict[str, Callable[[str, Home], list[StartupFile]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
    "csh": _csh,
    "tcsh": _csh,
    "ksh": _profile,
    "dash": _profile,
    "powershell": _powershell,
}
