"""Which package owns which file of an environment, as pip, uv and conda wrote it down."""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from torchup.plan.wheel_record import rows
from torchup.reading import open_regular, read_file

SITE = re.compile(r"(?:lib\d*/python\d[\d.]*t?|Lib)/site-packages", re.IGNORECASE)
_DIST_INFO = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as its package's list has it: the sha256 in hex and the size, where the list says them."""

    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecord:
    """A package that is installed whole; `path` is its list of files, and `files` are below the environment.

    `from_path` says that it was installed from an address or a folder that somebody named.
    """

    name: str
    version: str
    path: str
    sha256: str
    files: dict[str, Listed] = field(repr=False)
    from_path: bool = False


def package_records(environment: Path) -> Iterator[PackageRecord]:
    """Read the lists of every package, wheels and conda packages; paths are relative, with slashes."""
    for site in _sites(environment):
        folder = site.relative_to(environment).as_posix()
        for info in sorted(site.glob("*.dist-info")):
            if match := _DIST_INFO.fullmatch(info.name):
                with suppress(OSError):
                    yield _wheel(match["name"], match["version"], info, folder)
    for record in sorted(environment.glob("conda-meta/*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            yield _conda(record)


def record_digests(environment: Path) -> Iterator[tuple[str, str, str]]:
    """Give the name, the path and the sha256 of every package's list of files, without taking the lists apart."""
    for site in _sites(environment):
        for info in sorted(site.glob("*.dist-info")):
            if match := _DIST_INFO.fullmatch(info.name):
                with suppress(OSError):
                    record = info / "RECORD"
                    path = record.relative_to(environment).as_posix()
                    yield canonicalize_name(match["name"]), path, file_sha256(record)
    for record in sorted(environment.glob("conda-meta/*.json")):
        with suppress(OSError):
            yield f"conda:{record.name}", f"conda-meta/{record.name}", file_sha256(record)


def file_sha256(path: Path) -> str:
    """Give the sha256 of a file in hex. Raises OSError."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sites(environment: Path) -> list[Path]:
    found = [*environment.glob("lib*/python*/site-packages"), *environment.glob("Lib/site-packages")]
    # A lib64 that is a link to lib would show the same folder twice; what a link leads to is not inside.
    return [site for site in found if site.resolve() == environment.resolve() / site.relative_to(environment)]


def _wheel(name: str, version: str, info: Path, site: str) -> PackageRecord:
    content = read_file(info / "RECORD")
    files: dict[str, Listed] = {}
    for row in rows(content.decode("utf-8", "surrogateescape")):
        path = posixpath.normpath(f"{site}/{row.path}") if not row.path.startswith("/") else ".."
        if not path.startswith(".."):
            files[path] = Listed(_hex(row.digest), row.size)
    files[f"{site}/{info.name}/RECORD"] = Listed()
    return PackageRecord(
        name=canonicalize_name(name),
        version=version,
        path=f"{site}/{info.name}/RECORD",
        sha256=hashlib.sha256(content).hexdigest(),
        files=files,
        from_path=(info / "direct_url.json").exists(),
    )


def _hex(recorded: str) -> str | None:
    algorithm, _, digest = recorded.partition("=")
    if algorithm != "sha256":
        return None
    with suppress(ValueError):
        return base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    return None


def _conda(path: Path) -> PackageRecord:
    content = read_file(path)
    data = json.loads(content)
    files = {str(name): Listed() for name in data.get("files", ())}
    for item in (data.get("paths_data") or {}).get("paths", ()):
        if item.get("path_type") == "softlink":
            continue
        # Where the place of the environment was written into a file, the first digest is of before that.
        digest = item.get("sha256_in_prefix") or (None if item.get("prefix_placeholder") else item.get("sha256"))
        files[str(item["_path"])] = Listed(digest)
    files[f"conda-meta/{path.name}"] = Listed()
    return PackageRecord(
        name=f"conda:{data['name']}",
        version=str(data["version"]),
        path=f"conda-meta/{path.name}",
        sha256=hashlib.sha256(content).hexdigest(),
        files=files,
    )
