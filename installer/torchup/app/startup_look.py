"""A look at the start-up files on disk before an edit: which of them cannot be written, and why."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from torchup.errors import StepError
from torchup.shell.startup_choice import Unedited
from torchup.words import tr


def read_startup(path: str) -> bytes | None:
    """Read a start-up file; None for one that is not there, is no file, or may not be read.

    A pipe is not opened: reading it would wait for ever.
    """
    from torchup.apply.survey import read_file

    try:
        return read_file(path) if stat.S_ISREG(Path(path).stat().st_mode) else None
    except (OSError, StepError):
        return None


def look_at(path: str) -> Unedited | None:
    """Tell why a start-up file cannot be edited; None when it can be, or be created."""
    real = os.path.realpath(path)
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return _missing(path, real)
    except OSError as error:
        return Unedited(kind="unusable", why=tr("it cannot be looked at ({reason})", reason=error.strerror))
    if stat.S_ISDIR(found.st_mode):
        return Unedited(kind="unusable", why=tr("it is a folder"), hint=tr("Move it away, or leave this shell out."))
    if not stat.S_ISREG(found.st_mode):
        why = (
            tr("it is a link to {target}, which holds no lines, so you seem to want none in it", target=real)
            if Path(path).is_symlink()
            else tr("it is a pipe or a device, which holds no lines, so you seem to want none in it")
        )
        return Unedited(kind="opted-out", why=why)
    if os.access(real, os.R_OK | os.W_OK):
        return None
    return _not_writable(real, found)


def _missing(path: str, real: str) -> Unedited | None:
    if Path(path).is_symlink():
        hint = tr("Create the file that it leads to, or remove the link.")
        return Unedited(
            kind="unusable", why=tr("it is a link to {target}, which does not exist", target=real), hint=hint
        )
    folder = _nearest(Path(path).parent)
    if not folder.is_dir():
        return Unedited(kind="unusable", why=tr("{path} is no folder", path=folder), hint=tr("Move it away."))
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return _not_writable(str(folder), folder.stat())


def _nearest(folder: Path) -> Path:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _not_writable(path: str, found: os.stat_result) -> Unedited:
    """Say what keeps this user from writing, with the commands that would change it."""
    quoted = _quoted(path)
    if hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY:
        return Unedited(kind="unusable", why=tr("the file system of {path} is mounted read-only", path=path))
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        why = tr(
            "{path} belongs to {owner}, and this is {user}",
            path=path,
            owner=_name(found.st_uid),
            user=_name(os.geteuid()),
        )
        hint = tr(
            "If it is meant to be yours: `sudo chown {uid}:{gid} {path}` and `chmod u+rw {path}`; "
            "torchup does not do that for you.",
            uid=os.geteuid(),
            gid=os.getegid(),
            path=quoted,
        )
        return Unedited(kind="unusable", why=why, hint=hint)
    why = tr("{path} is read-only (mode {mode:04o})", path=path, mode=stat.S_IMODE(found.st_mode))
    return Unedited(kind="unusable", why=why, hint=tr("If that is not on purpose: `chmod u+rw {path}`.", path=quoted))


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def _name(uid: int) -> str:
    import pwd

    try:
        return tr("{name} (uid {uid})", name=pwd.getpwuid(uid).pw_name, uid=uid)
    except KeyError:
        return f"uid {uid}"


def keeper_of(path: str, home: str) -> str | None:
    """Name the repository or tool that keeps a start-up file, by what lies beside it; None where nothing shows."""
    return _keeper(Path(os.path.realpath(path)), Path(path), Path(home))


def _keeper(real: Path, path: Path, home: Path) -> str | None:
    source = home / ".local/share/chezmoi"
    name = path.name.removeprefix(".")
    if any(source.glob(f"*dot_{name}*")):
        return f"chezmoi ({source})"
    for folder in real.parents:
        if (folder / ".git").exists():
            return tr("the repository {path}", path=folder)
        if (folder / ".stow-local-ignore").exists() or (folder / ".stow").exists():
            return f"stow ({folder})"
        if folder in (home, home.parent):
            break
    for place in (home / ".local/share/yadm/repo.git", home / ".config/yadm/repo.git"):
        if place.exists():
            return tr("yadm, maybe ({path})", path=place)
    return None
