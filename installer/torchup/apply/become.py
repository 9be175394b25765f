"""Act for another user: root gives its rights up before it looks at anything of theirs."""

from __future__ import annotations

import importlib
import os
import pkgutil

from torchup.errors import RefusedError, UsageError
from torchup.words import tr

# What says where root's own files are, or that somebody else is at work.
_NOT_THEIRS = ("XDG_", "SUDO_", "TORCHUP_", "CONDA_", "VIRTUAL_ENV", "PYENV_")
_NOT_THEIRS_EITHER = frozenset({"ZDOTDIR", "ENV", "BASH_ENV", "MAIL", "OLDPWD", "PROMPT_COMMAND"})


def become(name: str) -> None:
    """Turn this process into one of the user `name`, with their groups, home and shell.

    Whatever is written then is theirs, and nothing of root's can be reached. The program's own modules are
    loaded first, because they may lie where only root can read. Raises UsageError no-such-user, and
    RefusedError not-root.
    """
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise UsageError(
            tr("There is no user {name} on this machine.", name=name),
            code="no-such-user",
            hint=tr("`getent passwd` lists the users."),
        ) from error
    if os.geteuid() not in (0, entry.pw_uid):
        raise RefusedError(
            tr("Only root and {name} can act for {name}.", name=name),
            code="not-root",
            hint=tr("Run it as {name}: sudo -u {name} -H torchup ...", name=name),
        )
    _load_everything()
    if os.geteuid() != entry.pw_uid or os.getuid() != entry.pw_uid:
        os.initgroups(name, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    for variable in list(os.environ):
        if variable.startswith(_NOT_THEIRS) or variable in _NOT_THEIRS_EITHER:
            del os.environ[variable]
    os.environ |= {"HOME": entry.pw_dir, "USER": name, "LOGNAME": name, "SHELL": entry.pw_shell or "/bin/sh"}
    if not os.access(".", os.X_OK):
        os.chdir("/")


def _load_everything() -> None:
    """Import what torchup may import later, and read its templates."""
    import torchup
    from torchup.shell.templates import keep_all

    for module in pkgutil.walk_packages(torchup.__path__, "torchup."):
        if not module.name.startswith(_PROBE) and not module.name.endswith(_ELSEWHERE):
            importlib.import_module(module.name)
    for name in _LAZY:
        importlib.import_module(name)
    keep_all()


# The tensor test runs in another process, as one script; the others can only be imported where they are at home.
_PROBE = "torchup.verify.probe."
_ELSEWHERE = ("windows", "windows_registry", "windows_gpus", "__main__")
_LAZY = (
    *("jinja2", "jinja2.runtime", "rich.console", "rich.progress", "rich.status", "rich._unicode_data", "rich.pretty"),
    *("encodings.idna", "encodings.ascii", "encodings.latin_1", "difflib", "pty", "pwd", "grp", "shlex", "json"),
)
