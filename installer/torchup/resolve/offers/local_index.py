"""Indexes and wheel folders on this machine, read without any network."""

from __future__ import annotations

from pathlib import Path

from torchup.reading import read_file, reason
from torchup.resolve.offers.simple_page import IndexFile, PageProblem, parse_html, parse_names
from torchup.resolve.offers.transport import FetchError
from torchup.words import tr


def read_local_page(path: Path) -> tuple[IndexFile, ...]:
    """Read a page of a local index: the HTML file itself, or `index.html` in a folder. Raises FetchError."""
    page = path / "index.html" if path.is_dir() else path
    try:
        text = read_file(page).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.parent.is_dir():
            raise FetchError("page", tr("the folder {parent} does not exist", parent=path.parent)) from error
        raise FetchError("missing", tr("there is no {page}", page=page)) from error
    except OSError as error:
        raise FetchError("page", tr("{page} could not be read: {error}", page=page, error=reason(error))) from error
    files = parse_html(text, page.absolute().as_uri())
    if isinstance(files, PageProblem):
        # A local page that lists nothing is an empty index: no portal can have put it there.
        if files.code == "not-a-list":
            return ()
        raise FetchError("page", f"{page} {files.detail}")
    return files


def read_wheel_folder(path: Path) -> tuple[IndexFile, ...]:
    """List the wheels in a folder, sorted by name, with their sizes; hashes are not computed. Raises FetchError."""
    try:
        entries = sorted(path.glob("*.whl"))
        if not path.is_dir():
            raise FetchError("page", tr("the folder {path} does not exist", path=path))
        return tuple(
            IndexFile(filename=entry.name, url=entry.absolute().as_uri(), size=entry.stat().st_size)
            for entry in entries
            if entry.is_file()
        )
    except OSError as error:
        raise FetchError("page", tr("{path} could not be read: {error}", path=path, error=reason(error))) from error


def read_local_names(path: Path) -> tuple[str, ...]:
    """List what a local index holds: its folders, or what its `index.html` links to."""
    try:
        folders = tuple(sorted(entry.name for entry in path.iterdir() if entry.is_dir()))
        if folders or not (path / "index.html").is_file():
            return folders
        names = parse_names(read_file(path / "index.html"), "text/html")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FetchError("missing", tr("the folder {path} does not exist", path=path)) from error
    except OSError as error:
        raise FetchError("page", tr("{path} could not be read: {error}", path=path, error=reason(error))) from error
    return () if isinstance(names, PageProblem) else names
