"""bash."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from torchup.shell.kinds.kind import Home, Placement, Shell, StartMode, StartupFile, block_in
from torchup.shell.kinds.posix import SH
from torchup.words import mark, tr

_LOGIN = (".bash_profile", ".bash_login", ".profile")

LANGUAGE = replace(SH, name="bash", block="bash/bashrc")


def _reads(home: Home) -> tuple[str, ...]:
    return tuple(home.at(name) for name in (".bashrc", *_LOGIN))


def _writes(known: Home) -> tuple[StartupFile, ...]:
    bashrc = known.at(".bashrc")
    login_files = [path for name in _LOGIN if known.exists(path := known.at(name))]
    interactive: tuple[StartMode, ...] = ("interactive", "ssh") if known.everywhere else ("interactive",)
    placement: Placement = "before-return" if known.everywhere else "end"
    if login_files and _reads_bashrc(known.contents.get(login_files[0], b"")):
        why = tr("interactive bash reads it, and login bash through {name}", name=posixpath.basename(login_files[0]))
        return (block_in("bash", "bash", bashrc, known, (*interactive, "login"), why, placement),)
    rc = block_in("bash", "bash", bashrc, known, interactive, tr("interactive bash reads it"), placement)
    if not login_files:
        why = tr("login bash reads it, and no other file that it would read exists")
        return rc, block_in("bash", "sh", known.at(".profile"), known, ("login",), why)
    name = posixpath.basename(login_files[0])
    why = tr("it is the first file that login bash finds, and {name} is not known to read .bashrc", name=name)
    language = "sh" if name == ".profile" else "bash"
    return rc, block_in("bash", language, login_files[0], known, ("login",), why)


def _reads_bashrc(login_file: bytes) -> bool:
    """Tell whether a login file is known to read `.bashrc`; unknown content is a no."""
    code = re.sub(rb"(?m)^\s*#.*$", b"", login_file)
    return re.search(rb"(?m)(?:^|[\s;&|])(?:\.|source|\\\.)\s+[^\n;&|]*bashrc", code) is not None


BASH = Shell(
    name="bash",
    programs=("bash", "rbash"),
    language=LANGUAGE,
    reads=_reads,
    writes=_writes,
    # People's own files often switch extglob on before they use it, which a parser that runs nothing cannot know.
    parser=lambda file: ("bash", "-O", "extglob", "-n", file),
    ends=("bashrc", ".bash_profile", ".bash_login", ".bash"),
    usual=True,
    completes=True,
    conda="sh",
    scope_notes={
        "interactive": mark("`ssh host command` will not see the variables in bash; `shell.scope: all` changes that"),
        "all": mark("bash reads no file for scripts (`bash -c`); they inherit what their parent has"),
    },
)
