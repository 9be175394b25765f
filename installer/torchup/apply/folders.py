"""Which folder is at a path: told when it is made, compared before anything in it goes.

A path says little: a folder may have been removed and made again, or a link may have taken the place of one above it.
Device and inode are no proof either way. A file system gives the inode of a folder that is gone to the next one, and
numbers its devices anew when it is mounted; a folder that came back from a backup has another inode. So an environment
holds a marker with the number of the run that made it: marker and path decide, and a copy at the same place that has
the marker is taken for the original, of which only what torchup brought goes anyway. A folder that is to be empty can
hold no marker: its inode decides, on whatever device.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from torchup.apply.change import Folder
from torchup.reading import read_file
from torchup.words import tr

MARKER = ".torchup-run"
_POINT = 4
"""Which field of a line of mountinfo is the place (proc(5)); a blank in it is written `\\040`."""
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


def folder_at(path: str) -> Folder | None:
    """Tell which folder is at a path; None for a link, anything else, or nothing."""
    try:
        found = Path(path).lstat()
    except (OSError, ValueError):
        return None
    if not Path(path).is_dir() or Path(path).is_symlink():
        return None
    return Folder(
        real_path=os.path.realpath(path),
        device=found.st_dev,
        inode=found.st_ino,
        owner=found.st_uid if hasattr(os, "geteuid") else None,
    )


def another_place(path: str, made: Folder | None) -> str | None:
    """Say why what is at `path` is not where, or not whose, it was made; None where it is.

    Of a folder that an earlier release made nothing is known: it must be ours, and neither it nor the folder that
    holds it may be a link.
    """
    now = folder_at(path)
    if now is None:
        if Path(path).is_symlink():
            return tr("{path} is a link by now, and was left as it is.", path=path)
        return tr("{path} is no folder any more, and was left as it is.", path=path)
    parent = Path(path).parent
    expected = (
        made.real_path if made is not None else str(Path(os.path.realpath(parent.parent), parent.name, Path(path).name))
    )
    if now.real_path != expected:
        return tr(
            "{path} leads to {now} by now, and torchup made it at {then}: it was left as it is.",
            path=path,
            now=now.real_path,
            then=expected,
        )
    owner = made.owner if made is not None else os.geteuid() if hasattr(os, "geteuid") else None
    if now.owner != owner:
        return tr("{path} belongs to another user by now, and was left as it is.", path=path)
    return None


def another_folder(path: str, made: Folder | None, run: str | None = None) -> str | None:
    """Say why the folder at `path` is not the one that was made; None where it is.

    By its place, and by its inode; for the environment of a `run` by its marker instead.
    """
    problem = another_place(path, made)
    if problem is not None or made is None:
        return problem
    now = folder_at(path)
    same = marked_run(path) == run if run is not None else now is not None and now.inode == made.inode
    if same:
        return None
    return tr("{path} is another folder than the one that torchup made, and was left as it is.", path=path)


def marked_run(path: str) -> str | None:
    """Read the run that an environment's marker names; None without a marker, and for a link in its place."""
    marker = Path(path, MARKER)
    with suppress(OSError, ValueError):
        if not marker.is_symlink():
            return read_file(marker).decode().strip()
    return None


def mounted_below(folder: Path) -> frozenset[str]:
    """List what is mounted below a folder, by the paths from there on.

    A device of its own does not tell: a folder of the same file system can be mounted a second time (`mount --bind`).
    """
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
        real = os.path.realpath(folder).rstrip("/") + "/"
        places = (os.fsdecode(_OCTAL.sub(_byte, line.split(b" ")[4])) for line in lines if line.count(b" ") > _POINT)
        return frozenset(place.removeprefix(real) for place in places if place.startswith(real))
    return frozenset()


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])
