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


def explain(error: OSError, path: str) -> StepError:
    """Turn an error of the operating system into one that a person can act on."""
    code, why, hint = _BY_NUMBER.get(
        error.errno or 0, ("write-failed", error.strerror or str(error), "Correct that and run again.")
    )
    return StepError(f"{path} could not be written: {why}.", code=code, evidence=(str(error),), hint=hint)


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
    if not os.access(target, os.W_OK):
        return StepError(
            f"{path} is read-only.",
            code="read-only-file",
            evidence=(f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}",),
            hint=f"If that is not on purpose: chmod u+w {path}",
        )
    return None


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
