"""What of an environment torchup brought, and what came from somebody else: that decides what an undo takes.

Brought are: what the tool that made the environment put there, the files that the records of the packages name which
the run installed, while they are what the records say, and byte code of those. Everything else is somebody's: files
that no record names, files that were changed, and packages that came later, with all that their records name.
Of a step that was cut off there is no record yet; `unfinished.py` looks for other signs.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torchup.apply.change import Folder, Span
from torchup.apply.folders import MARKER, another_folder, mounted_below
from torchup.apply.package_records import Listed, PackageRecord, file_sha256, package_records
from torchup.apply.unfinished import Unfinished, wanted_of

FOLDER = "/"
_JUNCTION = 0xA0000003
"""What Windows calls a folder that leads to another one (IO_REPARSE_TAG_MOUNT_POINT), which is no link to Python."""
_LINK = "-> "
_DERIVED = (".pyc", ".pyo", ".nbi", ".nbc")
"""Byte code, and what numba keeps beside it: made from a source, and made again from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the journal knows of an environment that a run made, from all its steps together.

    `records` has the digest and the moment of each list of files, `versions` are what was installed. Of steps that were
    cut off there are the `spans` in which they worked and the packages that were `wanted`; None where there is none.
    `environ` is what the installers were given besides, `conda` the program that made the environment.
    """

    path: str
    folder: Folder | None = None
    run: str = ""
    skeleton: dict[str, str] = field(default_factory=dict)
    records: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    spans: tuple[Span, ...] | None = None
    environ: dict[str, str] = field(default_factory=dict)
    conda: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The environment at `path`, sorted. `problem` says why nothing of it may be touched.

    `files` and `folders` go, below `path`; `packages` are those that go, `later` those that stay, as `name version`.
    `kept` are the files and folders of somebody else's that belong to no package. `whole` says that the folder goes too.
    """

    path: str
    problem: str | None = None
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    whole: bool = True
    exists: bool = True


def sort_contents(known: Known, unfinished: Unfinished | None, absent: Collection[str] = ()) -> Contents:
    """Look through an environment; `unfinished` knows of steps that were cut off, `absent` are paths that count as gone."""
    if not os.path.lexists(known.path):
        return Contents(path=known.path, exists=False)
    problem = another_folder(known.path, known.folder, known.run)
    if problem is not None:
        return Contents(path=known.path, problem=problem, whole=False)
    return _Sorter(known, unfinished, frozenset(absent)).sort()


class _Sorter:
    """Goes through the folders once, from the inside out."""

    def __init__(self, known: Known, unfinished: Unfinished | None, absent: frozenset[str]) -> None:
        self.known = known
        self.unfinished = unfinished
        self.root = Path(known.path)
        self.absent = absent
        found = self.root.lstat()
        self.device, self.owner = found.st_dev, found.st_uid
        self.mounted = mounted_below(self.root)
        records = tuple(package_records(self.root))
        wanted = frozenset[str]()
        if unfinished is not None:
            wanted = wanted_of(known.wanted, known.path, ((record.name, record.version) for record in records))
        ours = {record.path for record in records if self._is_ours(record, wanted)}
        self.brought = [record for record in records if record.path in ours]
        self.later = [record for record in records if record.path not in ours]
        self.theirs = {path for record in self.later for path in record.files}
        self.listed: dict[str, list[tuple[Listed, int | None]]] = {}
        for record in self.brought:
            digest, moment = known.records.get(record.path, (record.sha256, None))
            # Nothing is older than a list that somebody wrote into: what it names without a digest may be theirs.
            moment = moment if digest == record.sha256 else 0
            for path, listed in record.files.items():
                self.listed.setdefault(path, []).append((listed, moment))
        places = [*self.listed, *known.records, *known.skeleton]
        self.our_folders = {parent for path in places for parent in _parents(path)}
        self.our_folders |= {path for path, what in known.skeleton.items() if what == FOLDER}
        self.files: list[str] = []
        self.folders: list[str] = []
        self.kept: list[str] = []

    def sort(self) -> Contents:
        whole, _ = self._visit("")
        marker = [MARKER] if not whole and MARKER in self.files else []
        files = sorted((path for path in self.files if path not in marker), key=lambda path: (path == MARKER, path))
        return Contents(
            path=self.known.path,
            files=tuple(files),
            folders=tuple(self.folders),
            packages=_names(self.brought),
            later=_names(self.later),
            kept=tuple(sorted(self.kept)),
            whole=whole,
        )

    def _is_ours(self, record: PackageRecord, wanted: frozenset[str]) -> bool:
        if record.path in self.known.records:
            if self.known.records[record.path][0] == record.sha256:
                return True
        elif record.name in wanted or self._looks_brought(record.path):
            return True
        return self.known.versions.get(record.name) == record.version and not record.from_path

    def _visit(self, folder: str) -> tuple[bool, bool]:
        """Sort what is in a folder; tell whether the folder goes too, and whether anything in it belongs to a package."""
        try:
            entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name)
        except OSError:
            self.kept.append(f"{folder}/")
            return False, False
        before, stays, known = len(self.kept), False, False
        for entry in entries:
            path = posixpath.join(folder, entry.name)
            if str(self.root / path) in self.absent:
                continue
            goes, belongs = self._sort(path, entry.stat(follow_symlinks=False))
            stays |= not goes
            known |= belongs
        ours = not folder or folder in self.our_folders or self._is_cache(folder) or self._looks_brought(folder)
        if not stays and (ours or known):
            if folder:
                self.folders.append(folder)
            return True, True
        if not ours and not known:
            # Nothing of ours in it: one name says it all.
            self.kept[before:] = [f"{folder}/"]
        return False, ours or known

    def _sort(self, path: str, found: os.stat_result) -> tuple[bool, bool]:
        if stat.S_ISDIR(found.st_mode):
            is_elsewhere = path in self.mounted or getattr(found, "st_reparse_tag", 0) == _JUNCTION
            if found.st_dev == self.device and not is_elsewhere:
                return self._visit(path)
            self.kept.append(f"{path}/")
        elif path in self.mounted:
            self.kept.append(path)
        elif self._is_brought(path, found):
            self.files.append(path)
            return True, True
        elif self._is_later(path):
            return False, True
        else:
            self.kept.append(path)
        return False, False

    def _is_cache(self, folder: str) -> bool:
        parent, _, name = folder.rpartition("/")
        return name == "__pycache__" and parent in self.our_folders

    def _is_later(self, path: str) -> bool:
        return path in self.theirs or ((source := _source(path)) is not None and source in self.theirs)

    def _is_brought(self, path: str, found: os.stat_result) -> bool:
        if found.st_uid != self.owner or path in self.theirs:
            return False
        if path == MARKER:
            return True
        if path in self.known.skeleton:
            return self._matches(path, self.known.skeleton[path], found)
        if path in self.listed:
            whole = any(as_listed(self.root / path, listed, moment, found) for listed, moment in self.listed[path])
            return whole or self._looks_brought(path, found)
        if (source := _source(path)) is not None and (source in self.listed or source in self.known.skeleton):
            return source not in self.theirs
        if path == ".lock":  # uv's, and always empty
            return found.st_size == 0
        return self._looks_brought(path, found)

    def _looks_brought(self, path: str, found: os.stat_result | None = None) -> bool:
        if self.unfinished is None or not path:
            return False
        return self.unfinished.brought(self.root, path, found if found is not None else (self.root / path).lstat())

    def _matches(self, path: str, expected: str, found: os.stat_result) -> bool:
        with suppress(OSError):
            if stat.S_ISLNK(found.st_mode):
                return expected == f"{_LINK}{(self.root / path).readlink()}"
            return stat.S_ISREG(found.st_mode) and file_sha256(self.root / path) == expected
        return False


def as_listed(place: Path, listed: Listed, moment: int | None, found: os.stat_result) -> bool:
    """Tell whether a file is as its package's list says.

    One of the right size that did not change after `moment`, when the list had been written, is not read.
    """
    untouched = moment is not None and max(found.st_mtime_ns, found.st_ctime_ns) < moment
    if listed.sha256 is None:
        return untouched or moment is None or found.st_size == 0 or place.name == "RECORD" or _is_derived(place)
    if not stat.S_ISREG(found.st_mode) or (listed.size is not None and listed.size != found.st_size):
        return False
    if untouched:
        return True
    with suppress(OSError):
        return file_sha256(place) == listed.sha256
    return False


def _is_derived(place: Path) -> bool:
    return place.suffix in _DERIVED or place.parent.name == "conda-meta"


def skeleton_of(environment: Path) -> dict[str, str]:
    """Describe the files, links and folders of an environment that belong to no package."""
    listed = {path for record in package_records(environment) for path in record.files}
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(environment):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = path.relative_to(environment).as_posix()
            if path.is_symlink():
                found[relative] = f"{_LINK}{path.readlink()}"
            elif path.is_dir():
                found[relative] = FOLDER
            elif relative not in listed and relative != MARKER and path.is_file() and _source(relative) not in listed:
                found[relative] = file_sha256(path)
    folders_of_packages = {parent for path in listed for parent in _parents(path)}
    return {path: what for path, what in found.items() if path not in listed and path not in folders_of_packages}


def _source(path: str) -> str | None:
    """Name the source that a file in a __pycache__ was made from."""
    folder, _, name = path.rpartition("/")
    parent, _, cache = folder.rpartition("/")
    if cache != "__pycache__" and folder != "__pycache__":
        return None
    module = name.partition("-" if name.endswith((".nbi", ".nbc")) else ".")[0].partition(".")[0]
    return posixpath.join(parent, f"{module}.py") if name.endswith(_DERIVED) else None


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def tells_of_others(path: str) -> bool:
    """Tell whether a file says whose the rest is: it goes last, so that an undo that was cut off can be gone on with."""
    return path == MARKER or path.endswith(".dist-info/RECORD") or path.startswith("conda-meta/")


def _names(records: list[PackageRecord]) -> tuple[str, ...]:
    return tuple(sorted({f"{record.name.removeprefix('conda:')} {record.version}" for record in records}))
