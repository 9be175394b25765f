"""Pages of package indexes, parsed: PEP 503 HTML, PEP 691 JSON, flat find-links pages, root listings.

Everything here is pure. A page that is not what it should be gives a `PageProblem`, never an exception:
captive portals, proxies and half-finished downloads are everyday answers of the web.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from torchup.model.quick import dataclass
from torchup.words import mark, tr

if TYPE_CHECKING:
    from torchup.resolve.offers.html_links import Links

JSON_TYPES = frozenset({"application/vnd.pypi.simple.v1+json", "application/json"})
HTML_TYPES = frozenset({"application/vnd.pypi.simple.v1+html", "text/html"})
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

_PACKAGE_ENDINGS = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".egg")
_HASH = re.compile(r"(sha256|sha384|sha512|sha224|sha1|md5)=([0-9a-f]+)", re.ASCII | re.IGNORECASE)
_CHARSET = re.compile(r"charset=[\"']?([\w.-]+)", re.ASCII | re.IGNORECASE)
_LISTS_NOTHING = re.compile(r"pypi:repository-version|<h1>\s*Links for ", re.IGNORECASE)
_NO_REASON = mark("no reason given")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file that a page lists.

    `url` is absolute and without the hash; `hashes` are (algorithm, hex digest), sha256 first; `yanked` is the
    reason, None when the file is not yanked; `metadata` says that the METADATA file is served beside it (PEP 658).
    """

    filename: str
    url: str
    hashes: tuple[tuple[str, str], ...] = ()
    requires_python: str | None = None
    yanked: str | None = None
    size: int | None = None
    metadata: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProblem:
    """Why an answer is not a package list; `detail` goes after "the answer"."""

    code: Literal["wrong-type", "truncated", "not-a-list"]
    detail: str


def parse_page(content: bytes, content_type: str | None, url: str) -> tuple[IndexFile, ...] | PageProblem:
    """Parse a project page or a flat find-links page that was read from `url`."""
    kind = media_type(content_type)
    if kind in JSON_TYPES:
        return parse_json(content, url)
    if kind in HTML_TYPES:
        return parse_html(decode(content, content_type), url)
    return _wrong_type(kind)


def parse_json(content: bytes, url: str) -> tuple[IndexFile, ...] | PageProblem:
    """Parse a JSON project page; entries of a wrong shape are left out."""
    data = _json_object(content)
    if isinstance(data, PageProblem):
        return data
    files = data.get("files")
    if not isinstance(files, list):
        return PageProblem(code="not-a-list", detail=tr("is JSON, but no package list"))
    return tuple(file for entry in files if (file := _file_of_json(entry, url)) is not None)


def parse_html(text: str, url: str) -> tuple[IndexFile, ...] | PageProblem:
    """Parse an HTML page of links; the name of a file is the last segment of its link."""
    links = _links_of(text)
    if isinstance(links, PageProblem):
        return links
    base = urljoin(url, links.base) if links.base else url
    files = tuple(file for attributes in links.anchors if (file := _file_of_anchor(attributes, base)) is not None)
    if not files and not _LISTS_NOTHING.search(text):
        return PageProblem(code="not-a-list", detail=tr("is a web page that lists no packages"))
    return files


def parse_names(content: bytes, content_type: str | None) -> tuple[str, ...] | PageProblem:
    """Read the names that a root listing links to: projects, or the folders of PyTorch's index."""
    kind = media_type(content_type)
    if kind in JSON_TYPES:
        data = _json_object(content)
        if isinstance(data, PageProblem):
            return data
        projects = data.get("projects")
        if not isinstance(projects, list):
            return PageProblem(code="not-a-list", detail=tr("is JSON, but no list of projects"))
        return _names(entry.get("name") for entry in projects if isinstance(entry, dict))
    if kind not in HTML_TYPES:
        return _wrong_type(kind)
    links = _links_of(decode(content, content_type))
    if isinstance(links, PageProblem):
        return links
    paths = (urlsplit(attributes.get("href") or "").path for attributes in links.anchors)
    return _names(unquote(path).rstrip("/").rpartition("/")[2] for path in paths)


def media_type(content_type: str | None) -> str:
    """Give the bare media type of a Content-Type header."""
    return (content_type or "").partition(";")[0].strip().lower()


def decode(content: bytes, content_type: str | None) -> str:
    """Decode a page as its header says, as UTF-8 otherwise; broken bytes are replaced."""
    charset = _CHARSET.search(content_type or "")
    try:
        return content.decode(charset.group(1) if charset else "utf-8", errors="replace")
    except LookupError:
        return content.decode("utf-8", errors="replace")


def _wrong_type(kind: str) -> PageProblem:
    return PageProblem(
        code="wrong-type", detail=tr("is {kind}, not a package list", kind=kind or tr("of no stated type"))
    )


def _json_object(content: bytes) -> dict[str, Any] | PageProblem:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        if content.rstrip().endswith(b"}"):
            return PageProblem(code="not-a-list", detail=tr("is not valid JSON"))
        return PageProblem(code="truncated", detail=tr("ends in the middle of its JSON"))
    if not isinstance(data, dict):
        return PageProblem(code="not-a-list", detail=tr("is JSON, but no package list"))
    meta = data.get("meta")
    version = str(meta.get("api-version", "1.0")) if isinstance(meta, dict) else "1.0"
    if version.partition(".")[0] != "1":
        return PageProblem(
            code="not-a-list",
            detail=tr("is of API version {version}; this program reads version 1", version=version[:20]),
        )
    return data


def _file_of_json(entry: Any, page: str) -> IndexFile | None:
    if not isinstance(entry, dict):
        return None
    filename, url, hashes = entry.get("filename"), entry.get("url"), entry.get("hashes")
    if not isinstance(filename, str) or not isinstance(url, str):
        return None
    absolute = _joined(page, url)
    if absolute is None:
        return None
    requires, yanked, size = entry.get("requires-python"), entry.get("yanked"), entry.get("size")
    return IndexFile(
        filename=filename,
        url=urldefrag(absolute).url,
        hashes=_ordered(hashes.items()) if isinstance(hashes, dict) else (),
        requires_python=requires if isinstance(requires, str) and requires else None,
        yanked=(yanked if isinstance(yanked, str) else _NO_REASON) if yanked else None,
        size=size if type(size) is int and size >= 0 else None,
        metadata=bool(entry.get("core-metadata") or entry.get("dist-info-metadata")),
    )


def _file_of_anchor(attributes: dict[str, str | None], base: str) -> IndexFile | None:
    href, _, fragment = (attributes.get("href") or "").strip().partition("#")
    filename = unquote(href.partition("?")[0].rpartition("/")[2])
    if not filename.endswith(_PACKAGE_ENDINGS):
        return None
    url = _joined(base, href)
    if url is None:
        return None
    found = _HASH.search(fragment)
    yanked = None
    if "data-yanked" in attributes:
        yanked = attributes["data-yanked"] or _NO_REASON
    told = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return IndexFile(
        filename=filename,
        url=url,
        hashes=((found.group(1).lower(), found.group(2).lower()),) if found else (),
        requires_python=attributes.get("data-requires-python") or None,
        yanked=yanked,
        metadata=told is not None and told.lower() != "false",
    )


def _joined(base: str, href: str) -> str | None:
    # Most links of a long page are of these two kinds, and urljoin takes longer than all the rest together.
    if "/." not in href:
        if href.startswith("https://"):
            return href
        if href.startswith("/") and not href.startswith("//") and (root := _root(base)):
            return root + href
    try:
        url = urljoin(base, href)
    except ValueError:
        return None
    # A page from the network may not name files of this machine, nor anything but the web.
    return url if base.startswith("file:") or url.startswith(("https://", "http://")) else None


@lru_cache(maxsize=64)
def _root(base: str) -> str:
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def _ordered(hashes: Iterable[tuple[Any, Any]]) -> tuple[tuple[str, str], ...]:
    pairs = [
        (name.lower(), value.lower()) for name, value in hashes if isinstance(name, str) and isinstance(value, str)
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair[0] != "sha256", pair[0])))


def _names(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name not in ("", ".", "..")))


def _links_of(text: str) -> Links | PageProblem:
    # Imported here: JSON pages, wheel folders and kept copies need no HTML parser.
    from torchup.resolve.offers.html_links import read_links

    links = read_links(text)
    if links is None:
        return PageProblem(code="not-a-list", detail=tr("is not HTML that can be read"))
    if links.truncated:
        return PageProblem(code="truncated", detail=tr("ends in the middle of a link"))
    return links
