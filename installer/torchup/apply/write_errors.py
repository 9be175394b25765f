"""Why a file could not be written, in words: one stable code per cause."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from torchup.errors import StepError, TorchupError

_BY_NUMBER: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("disk-full", "the disk is full", "Make room there and run again."),
    errno.EDQUOT: ("disk-full", "the quota is used up", "Make room or ask for a larger quota, and run again."),
    errno.EFBIG: ("file-limit", "a limit on file sizes stops it", "Raise the limit (`ulimit -f`) and run again."),
    errno.EROFS: (
        "read-only-file-system",
        "its file system is mounted read-only",
        "Mount it writable, or name another place.",
    ),
    errno.EACCES: ("no-permission", "this user may not write there", "Correct the owner or the mode, or leave it out."),
    errno.EPERM: (
        "no-permission",
        "the system does not allow it (an immutable file or a special folder)",
        "See `lsattr` and the owner of the file, or leave it out.",
    ),
    errno.EIO: ("disk-error", "the disk reports an error", "Look at `dmesg`; nothing was changed in the file."),
    errno.EBUSY: ("file-busy", "it is in use by the system", "Run again when it is free."),
    errno.ELOOP: ("link-loop", "its links lead in a circle", "Correct the links."),
    errno.ENOENT: ("folder-missing", "its folder does not exist", "Make the folder and run again."),
    errno.ENOTDIR: ("folder-missing", "a part of its path is not a folder", "Correct the path."),
    errno.ENAMETOOLONG: ("name-too-long", "its name is too long", "Name another place."),
}


def explain(error: OSError, path: str, *, needs: int | None = None) -> StepError:
    """Turn an error of the operating system into one that a person can act on; `needs` is in bytes."""
    code, why, hint = _BY_NUMBER.get(
        error.errno or 0, ("write-failed", error.strerror or str(error), "Correct that and run again.")
    )
    evidence = (str(error), f"{needs} bytes are needed") if needs is not None and code == "disk-full" else (str(error),)
    return StepError(f"{path} could not be written: {why}.", code=code, evidence=evidence, hint=hint)


def not_a_file(path: str, target: str, found: os.stat_result | None, *, create: bool) -> TorchupError | None:
    """Tell why what is at `path` cannot be written as a file; None when it can."""
    if found is None:
        if Path(path).is_symlink():
            return wrong_kind(path, "dangling-link", target)
        return None if create else missing_file(path)
    if stat.S_ISDIR(found.st_mode):
        return wrong_kind(path, "directory", target)
    if not stat.S_ISREG(found.st_mode):
        return wrong_kind(path, "other", target)
    return _not_writable(path, target, found)


def _not_writable(path: str, target: str, found: os.stat_result) -> TorchupError | None:
    """Open the file for writing, which changes nothing, to hear from the system what is against it."""
    if not stat.S_IMODE(found.st_mode) & 0o222:
        # Root may write it all the same, but somebody has said that nobody should.
        return _read_only(path, target, found)
    try:
        os.close(os.open(target, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)))
    except OSError as error:
        if error.errno == errno.EACCES:
            return _read_only(path, target, found)
        if error.errno == errno.EPERM:
            return StepError(
                f"{path} is protected against changes.",
                code="immutable-file",
                evidence=(str(error),),
                hint=f"`lsattr {target}` shows it (i: immutable, a: append only); to lift it: "
                f"sudo chattr -i -a {target}",
            )
        return explain(error, path)
    return None


def _read_only(path: str, target: str, found: os.stat_result) -> StepError:
    user = os.geteuid() if hasattr(os, "geteuid") else found.st_uid
    mine = user in (0, found.st_uid)
    commands = () if mine else (f"sudo chown {user}:{os.getegid()} {target}",)
    return StepError(
        f"{path} is read-only." if mine else f"{path} belongs to user {found.st_uid}, and this user may not write it.",
        code="read-only-file",
        evidence=(f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}",),
        hint="If that is not on purpose: " + " && ".join((*commands, f"chmod u+w {target}")),
    )


def wrong_kind(path: str, kind: str, target: str) -> StepError:
    """Say what is at a path where a file is meant: a directory, a dangling link, or something else."""
    if kind == "dangling-link":
        return StepError(
            f"{path} is a link to {target}, which does not exist.",
            code="dangling-link",
            hint="Create the file that it leads to, or remove the link.",
        )
    if kind == "directory":
        return StepError(f"{path} is a folder, not a file.", code="is-a-folder", hint="Move it away, or leave it out.")
    return StepError(
        f"{path} is a pipe, a socket or a device, not a file.",
        code="not-a-file",
        hint="Move it away, or leave it out.",
    )


def missing_file(path: str) -> StepError:
    """Say that a file that was not to be created is not there."""
    return StepError(f"{path} does not exist.", code="file-missing", hint="Create it, or leave it out.")


def changed_meanwhile(path: str) -> StepError:
    """Say that another program wrote the file while torchup did."""
    return StepError(
        f"{path} was changed by another program just now, so it was left alone.",
        code="file-changed",
        hint="Run again.",
    )


def cut_off(path: str, error: OSError, backup: Path) -> StepError:
    """Say that a write in place failed and could not be taken back."""
    return StepError(
        f"{path} could not be written, nor put back: {error.strerror}.",
        code="in-place-write-failed",
        evidence=(f"the bytes that it held are in {backup}",),
        hint=f"cp {backup} {path}",
    )
