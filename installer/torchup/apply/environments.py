"""Environments on the disk: marked when they are made, looked through, and emptied of what torchup brought."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath

from torchup.apply.environment_contents import Contents, Known, as_listed, skeleton_of, sort_contents, tells_of_others
from torchup.apply.folders import MARKER, folder_at
from torchup.apply.package_records import package_records, record_digests
from torchup.apply.system import Noted
from torchup.apply.unfinished import package_caches
from torchup.apply.write_errors import explain
from torchup.errors import StepError
from torchup.words import tr


def note(path: str, run: str) -> Noted:
    """Leave the marker of a run in an environment, and tell what it is and holds. Raises StepError."""
    try:
        # A name that is taken, by a link too, is an error here.
        with Path(path, MARKER).open("x", encoding="utf-8") as marker:
            marker.write(f"{run}\n")
        skeleton = skeleton_of(Path(path))
    except OSError as error:
        raise explain(error, str(Path(path, MARKER))) from error
    packages = noted_packages(path)
    return Noted(folder=folder_at(path), skeleton=skeleton, records=packages.records, as_of=packages.as_of)


def noted_packages(environment: str, names: Collection[str] | None = None) -> Noted:
    """Give the digests of the packages' lists of files; `as_of` is when the newest of them was written, their last file."""
    found = record_digests(Path(environment))
    records = {path: digest for name, path, digest in found if names is None or name in names}
    written = [Path(environment, path).stat().st_ctime_ns for path in records]
    return Noted(folder=folder_at(environment), records=records, as_of=max(written, default=-1) + 1 or None)


def contents(known: Known, environ: Mapping[str, str], absent: Collection[str]) -> Contents:
    """Sort what is in an environment; the caches of the installers are looked at where a step was cut off."""
    unfinished = None
    if known.spans is not None:
        environ = {**environ, **known.environ}
        home = Path(environ.get("HOME") or Path.home())
        unfinished = package_caches(environ, home, creation=known.folder is None, spans=known.spans, conda=known.conda)
    return sort_contents(known, unfinished, absent)


def edited_packages(environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
    """Give a file that somebody changed since, by package; one whose whole list is another counts with that list."""
    found: dict[str, str] = {}
    for record in package_records(Path(environment)):
        if record.path not in records:
            continue
        if records[record.path] != record.sha256:
            found[record.name] = record.path
            continue
        for path, listed in record.files.items():
            place = Path(environment, path)
            if place.exists() and not as_listed(place, listed, as_of, place.lstat()):
                found[record.name] = path
                break
    return found


def remove(found: Contents, *, keep_folder: bool) -> None:
    """Remove what torchup brought, and the folder where nothing else is in it. Raises StepError (not-removed)."""
    root = Path(found.path)
    last = [file for file in found.files if tells_of_others(file)]
    try:
        for file in found.files:
            if not tells_of_others(file):
                (root / file).unlink(missing_ok=True)
        holding = {str(parent) for file in last for parent in PurePosixPath(file).parents}
        _remove_folders(root, (folder for folder in found.folders if folder not in holding))
        for file in last:
            (root / file).unlink(missing_ok=True)
        _remove_folders(root, found.folders)
        if found.whole and not keep_folder:
            root.rmdir()
    except OSError as error:
        raise StepError(
            tr("{path} could not be removed whole: {reason}.", path=found.path, reason=error.strerror),
            code="not-removed",
            evidence=(str(error),),
            hint=tr("Correct that, then `torchup undo` goes on."),
        ) from error


def _remove_folders(root: Path, folders: Iterable[str]) -> None:
    for folder in folders:  # from the inside out
        if (root / folder).is_dir() and not (root / folder).is_symlink():
            (root / folder).rmdir()
