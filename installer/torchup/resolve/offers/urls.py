"""What can be told from a URL or a location alone: credentials, host, file path, variant."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from torchup.knowledge.variants import parse_variant

Credentials = tuple[str, str]

_DRIVE = re.compile(r"/[A-Za-z]:(/|$)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def parts_of(url: str) -> SplitResult:
    """Split a URL; one that no rule allows (`http://[oops`) has no parts, and fails when it is fetched."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Take user name and password out of a URL; a location without them comes back as it is."""
    if "@" not in url or not _SCHEME.match(url):
        return url, None
    parts = parts_of(url)
    user_info, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = user_info.partition(":")
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))
    return bare, (unquote(user), unquote(password))


def is_url(location: str) -> bool:
    """Tell a URL from a path; a drive letter is no scheme."""
    return _SCHEME.match(location) is not None


def is_remote(location: str) -> bool:
    """Tell whether reading the location needs the network."""
    return is_url(location) and not location.lower().startswith("file:")


def local_path(location: str) -> Path:
    """Give the path behind a `file:` URL, or the path that the location is."""
    if location.lower().startswith("file:"):
        path = unquote(parts_of(location).path)
        return Path(path[1:] if _DRIVE.match(path) else path)
    return Path(location)


def host_of(url: str) -> str:
    """Give the host with its port, as a person would name the server."""
    return parts_of(url).netloc.rpartition("@")[2]


def plain_http_host(url: str) -> str | None:
    """Give the host of an address that is asked over plain http, None for this machine's own and for all others."""
    parts = parts_of(url)
    name = (parts.hostname or "").rstrip(".")
    own = name == "localhost" or name.endswith(".localhost") or name == "::1" or name.startswith("127.")
    return host_of(url) if parts.scheme.lower() == "http" and name and not own else None


def without_slash(url: str) -> str:
    """Drop trailing slashes, so that two spellings of one index compare equal."""
    return url.rstrip("/") or url


def as_variant(name: str | None) -> str | None:
    """Give the name back if it is that of a build variant, known or new."""
    if name is None:
        return None
    try:
        return parse_variant(name).name
    except ValueError:
        return None


def variant_of_path(location: str) -> str | None:
    """Read the build variant off the end of an index path such as `https://host/whl/cu126`."""
    return as_variant(unquote(parts_of(location).path).rstrip("/").rpartition("/")[2])
