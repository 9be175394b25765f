"""Whose the home and torchup's folders are: nothing of somebody else's is read, started or written (DESIGN section 14).

A journal names programs and paths, a start-up file is a program, and an environment is one too. Who can write
them decides what happens here, and with root's rights when this is root.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.words import tr

_ROOT = 0
_MOST_LINKS = 40
_ACL_USER, _ACL_GROUP, _ACL_MASK, _ACL_WRITE = 0x02, 0x08, 0x10, 0x02
# Besides the places: what shells, pip and uv take orders from, wherever a variable says that it is.
_VARIABLES = ("XDG_DATA_HOME", "ZDOTDIR", "ENV", "BASH_ENV", "PIP_CONFIG_FILE", "UV_CONFIG_FILE")


class Stranger(NamedTuple):
    """The part of a path that decides about the rest of it and is another user's, or `open` to everybody."""

    path: str
    uid: int
    open: bool = False

    @property
    def said(self) -> str:
        """Say what is wrong with it."""
        if self.open:
            return tr("{path} may be written by every user.", path=self.path)
        return tr("{path} belongs to {name}.", path=self.path, name=user_name(self.uid))


def refuse_foreign_home(context: Context, *, command: str) -> None:
    """Refuse a home, or a folder of torchup's, that another user owns or may write to.

    `sudo -E` and `su` without a dash keep HOME: what is then read was written by its owner, and what is written could
    not be changed by them. Raises RefusedError (foreign-home, foreign-folder, open-to-others).
    """
    if not hasattr(os, "geteuid"):
        return
    home, places = context.home, context.places
    _refuse_owner(home, command)
    journals = tuple(_journals(places.journal))
    named = [("", path) for path in (places.state, places.config, places.cache, places.log, places.journal, *journals)]
    named += [(name, Path(value)) for name in _VARIABLES if (value := context.environ.get(name))]
    for variable, path in named:
        if path.is_absolute():
            _refuse_folder(path, variable, context, command)
    _refuse_writers(home, home=True)
    for place in (places.state, places.config, places.journal, *journals):
        _refuse_writers(place)


def refuse_foreign_program(path: str, *, command: str) -> None:
    """Refuse to run an interpreter as root that another user could have changed; raises RefusedError foreign-program."""
    found = stranger(path)
    if found is None:
        return
    raise RefusedError(
        tr("{path} is not root's alone, and this is root.", path=path),
        code="foreign-program",
        evidence=(found.said,),
        hint=_as_owner(found.uid, command)
        if not found.open
        else tr("Close it to the others: chmod o-w {path}", path=_word(found.path)),
    )


def stranger(path: str) -> Stranger | None:
    """For root: find the first part of a path, links followed, that a user other than root owns, or anybody may swap.

    Others may run what they like, and their own rights are all that it gets: for them it is None.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != _ROOT or not path.startswith("/"):
        return None
    # In a user namespace the system's own root has the number of nobody.
    trusted = {_ROOT, os.stat("/").st_uid}  # noqa: PTH116 - str paths throughout
    for part, found in _parts(path):
        if found.st_uid not in trusted:
            return Stranger(part, found.st_uid)
        is_open = stat.S_ISLNK(found.st_mode) is False and found.st_mode & stat.S_IWOTH
        if is_open and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            return Stranger(part, found.st_uid, open=True)
    return None


def may_search(entry: str) -> bool:
    """Tell whether programs may be looked up in an entry of PATH: not the current folder, and for root none of others."""
    return os.path.isabs(entry) and stranger(entry) is None  # noqa: PTH117 - PATH is text


def _parts(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Give everything that is passed on the way to a path, links and what they lead to, as far as it exists."""
    done, links = "/", 0
    todo = [part for part in reversed(path.split("/")) if part]
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            done = os.path.dirname(done) if part == ".." else done  # noqa: PTH120
            continue
        place = f"{done.rstrip('/')}/{part}"
        try:
            found = os.lstat(place)
            target = os.readlink(place) if stat.S_ISLNK(found.st_mode) else None  # noqa: PTH115
        except OSError:
            return
        yield place, found
        if target is None:
            done = place
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        done = "/" if target.startswith("/") else done
        todo.extend(part for part in reversed(target.split("/")) if part)


def _refuse_owner(home: Path, command: str) -> None:
    uid = os.geteuid()
    owner = _owner(home)
    if owner is None or owner == uid:
        found = stranger(str(home))
        if found is None or found.open:
            return
        owner = found.uid
    own_home = _account_home(uid)
    # Root's own could not do more by this than it can anyway: a container's accounts often have such a home.
    if owner == _ROOT and (os.access(home, os.W_OK) or str(home) == own_home):
        return
    raise RefusedError(
        tr(
            "HOME is {home}, which belongs to {name}, and this is {me}, whose home is {own_home}.",
            home=home,
            name=user_name(owner),
            me=user_name(uid),
            own_home=own_home or tr("unknown"),
        ),
        code="foreign-home",
        hint=_as_owner(owner, command)
        + " "
        + tr("Or run it for {me} with HOME={own_home}.", me=user_name(uid), own_home=own_home or "..."),
    )


def _refuse_folder(path: Path, variable: str, context: Context, command: str) -> None:
    uid = os.geteuid()
    found = stranger(str(path))
    owner = found.uid if found is not None and not found.open else _owner(path)
    if owner in (None, uid, _ROOT):
        return
    assert owner is not None  # noqa: S101 - looked at above
    raise RefusedError(
        tr("{path} belongs to {name}, and this is {me}.", path=path, name=user_name(owner), me=user_name(uid)),
        code="foreign-folder",
        evidence=(f"{variable}={context.environ[variable]}",) if variable else (),
        hint=_as_owner(owner, command)
        + " "
        + (
            tr("Or leave {variable} out: unset {variable}", variable=variable)
            if variable
            else tr(
                "Or, if everything in it is to be trusted, make it yours: chown -R {me} {path}",
                me=uid,
                path=_word(path),
            )
        ),
    )


def _refuse_writers(path: Path, *, home: bool = False) -> None:
    """Refuse what others may write to; a group that has no other member is nobody else."""
    above = stranger(str(path))
    path = Path(above.path) if above is not None and above.open else path
    try:
        found = path.stat()
    except OSError:
        return
    others = found.st_mode & stat.S_IWOTH
    if others and home and found.st_mode & stat.S_ISVTX and os.geteuid() != _ROOT:
        return  # a folder for all, where nobody can replace what is mine: the usual HOME=/tmp of a container
    group = found.st_mode & stat.S_IWGRP and not _own_group(found.st_gid)
    if not others and (named := _named_writer(path)) is not None:
        raise RefusedError(
            tr("{path} may be written by {name}, whom an access list names.", path=path, name=named),
            code="open-to-others",
            evidence=(f"{path}: {stat.filemode(found.st_mode)}+",),
            hint=tr("What is in it tells torchup what to run. Close it: setfacl -b {path}", path=_word(path)),
        )
    if not others and not group:
        return
    raise RefusedError(
        tr("{path} may be written by every user.", path=path)
        if others
        else tr("{path} may be written by everybody in the group {group}.", path=path, group=_group_name(found.st_gid)),
        code="open-to-others",
        evidence=(f"{path}: {stat.filemode(found.st_mode)}",),
        hint=tr("What is in it tells torchup what to run. Close it: chmod go-w {path}", path=_word(path)),
    )


def _journals(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".jsonl"))
    except OSError:
        return
    yield from (folder / name for name in names)


def _own_group(gid: int) -> bool:
    """Tell whether a group is root's, or has this user alone, as where every user has a group (umask 002)."""
    if gid == _ROOT:
        return True
    import grp
    import pwd

    me = user_name(os.geteuid())
    try:
        members = grp.getgrgid(gid).gr_mem
    except KeyError:
        members = []
    if any(member != me for member in members):
        return False
    return all(entry.pw_name == me or entry.pw_gid != gid for entry in pwd.getpwall())


def _named_writer(path: Path) -> str | None:
    """Name a user or a group, other than root and this one, that may write by an entry of the access list (acl(5))."""
    try:
        content = os.getxattr(path, "system.posix_acl_access")
    except (OSError, AttributeError):  # none, a file system or a system without such lists
        return None
    entries = list(struct.iter_unpack("<HHI", content[4:]))
    mask = next((rights for tag, rights, _ in entries if tag == _ACL_MASK), _ACL_WRITE)
    for tag, rights, number in entries:
        if not rights & mask & _ACL_WRITE:
            continue
        if tag == _ACL_USER and number not in (_ROOT, os.geteuid()):
            return user_name(number)
        if tag == _ACL_GROUP and not _own_group(number):
            return _group_name(number)
    return None


def _word(path: Path | str) -> str:
    """Write a path as one word of a command to paste."""
    import shlex

    return shlex.quote(str(path))


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def user_name(uid: int) -> str:
    """Give a user's name, or the number where there is none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _account_home(uid: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return None


def _as_owner(uid: int, command: str) -> str:
    """Say how to run a command as somebody else: with their home, their environment, and their rights."""
    import shutil

    name = user_name(uid)
    if name.startswith("uid "):
        return tr("Run it as its owner, {name}.", name=name)
    if shutil.which("sudo"):
        run = f"sudo -u {name} -H {command}"
    elif os.geteuid() == _ROOT:
        run = f"su - {name} -c '{command}'"
    else:
        return tr("Run it as its owner, {name}.", name=name)
    hint = tr("Run it as its owner: {command}", command=run)
    if os.geteuid() == _ROOT and command.startswith("torchup shell "):
        hint += " " + tr("As root, with their rights alone: {command}", command=f"{command} --for-user {name}")
    return hint
