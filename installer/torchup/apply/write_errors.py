"""Why a file could not be written, in words: one stable code per cause."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from torchup.errors import StepError, TorchupError
from torchup.words import mark, tr

_BY_NUMBER: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("disk-full", mark("the disk is full"), mark("Make room there and run again.")),
    errno.EDQUOT: (
        "disk-full",
        mark("the quota is used up"),
        mark("Make room or ask for a larger quota, and run again."),
    ),
    errno.EFBIG: (
        "file-limit",
        mark("a limit on file sizes stops it"),
        mark("Raise the limit (`ulimit -f`) and run again."),
    ),
    errno.EROFS: (
        "read-only-file-system",
        mark("its file system is mounted read-only"),
        mark("Mount it writable, or name another place."),
    ),
    errno.EACCES: (
        "no-permission",
        mark("this user may not write there"),
        mark("Correct the owner or the mode, or leave it out."),
    ),
    errno.EPERM: (
        "no-permission",
        mark("the system does not allow it (an immutable file or a special folder)"),
        mark("See `lsattr` and the owner of the file, or leave it out."),
    ),
    errno.EIO: (
        "disk-error",
        mark("the disk reports an error"),
        mark("Look at `dmesg`; nothing was changed in the file."),
    ),
    errno.EBUSY: ("file-busy", mark("it is in use by the system"), mark("Run again when it is free.")),
    errno.ELOOP: ("link-loop", mark("its links lead in a circle"), mark("Correct the links.")),
    errno.ENOENT: ("folder-missing", mark("its folder does not exist"), mark("Make the folder and run again.")),
    errno.ENOTDIR: ("folder-missing", mark("a part of its path is not a folder"), mark("Correct the path.")),
    errno.ENAMETOOLONG: ("name-too-long", mark("its name is too long"), mark("Name another place.")),
}


def explain(error: OSError, path: str, *, needs: int | None = None) -> StepError:
    """Turn an error of the operating system into one that a person can act on; `needs` is in bytes."""
    code, why, hint = _BY_NUMBER.get(
        error.errno or 0, ("write-failed", error.strerror or str(error), mark("Correct that and run again."))
    )
    evidence = (
        (str(error), tr("{count} bytes are needed", count=needs))
        if needs is not None and code == "disk-full"
        else (str(error),)
    )
    return StepError(
        tr("{path} could not be written: {reason}.", path=path, reason=tr(why)),
        code=code,
        evidence=evidence,
        hint=tr(hint),
    )


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
                tr("{path} is protected against changes.", path=path),
                code="immutable-file",
                evidence=(str(error),),
                hint=tr(
                    "`lsattr {target}` shows it (i: immutable, a: append only); to lift it: sudo chattr -i -a {target}",
                    target=target,
                ),
            )
        return explain(error, path)
    return None


def _read_only(path: str, target: str, found: os.stat_result) -> StepError:
    user = os.geteuid() if hasattr(os, "geteuid") else found.st_uid
    mine = user in (0, found.st_uid)
    commands = () if mine else (f"sudo chown {user}:{os.getegid()} {target}",)
    return StepError(
        tr("{path} is read-only.", path=path)
        if mine
        else tr("{path} belongs to user {owner}, and this user may not write it.", path=path, owner=found.st_uid),
        code="read-only-file",
        evidence=(tr("mode {mode:04o}, owner {owner}", mode=stat.S_IMODE(found.st_mode), owner=found.st_uid),),
        hint=tr("If that is not on purpose: {commands}", commands=" && ".join((*commands, f"chmod u+w {target}"))),
    )


def wrong_kind(path: str, kind: str, target: str) -> StepError:
    """Say what is at a path where a file is meant: a directory, a dangling link, or something else."""
    if kind == "dangling-link":
        return StepError(
            tr("{path} is a link to {target}, which does not exist.", path=path, target=target),
            code="dangling-link",
            hint=tr("Create the file that it leads to, or remove the link."),
        )
    if kind == "directory":
        return StepError(
            tr("{path} is a folder, not a file.", path=path),
            code="is-a-folder",
            hint=tr("Move it away, or leave it out."),
        )
    return StepError(
        tr("{path} is a pipe, a socket or a device, not a file.", path=path),
        code="not-a-file",
        hint=tr("Move it away, or leave it out."),
    )


def missing_file(path: str) -> StepError:
    """Say that a file that was not to be created is not there."""
    return StepError(
        tr("{path} does not exist.", path=path), code="file-missing", hint=tr("Create it, or leave it out.")
    )


def changed_meanwhile(path: str) -> StepError:
    """Say that another program wrote the file while torchup did."""
    return StepError(
        tr("{path} was changed by another program just now, so it was left alone.", path=path),
        code="file-changed",
        hint=tr("Run again."),
    )


def cut_off(path: str, error: OSError, backup: Path) -> StepError:
    """Say that a write in place failed and could not be taken back."""
    return StepError(
        tr("{path} could not be written, nor put back: {reason}.", path=path, reason=error.strerror),
        code="in-place-write-failed",
        evidence=(tr("the bytes that it held are in {backup}", backup=backup),),
        hint=f"cp {backup} {path}",
    )
