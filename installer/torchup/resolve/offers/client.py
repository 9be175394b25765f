"""Reading pages: from the network, from this machine, or from the kept copies, whichever applies."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Literal

from torchup.model.quick import dataclass
from torchup.resolve.offers.kept_pages import KeptPage, KeptPages
from torchup.resolve.offers.local_index import read_local_names, read_local_page, read_wheel_folder
from torchup.resolve.offers.simple_page import IndexFile, PageProblem, parse_names, parse_page
from torchup.resolve.offers.transport import Answer, FetchError, Transport
from torchup.resolve.offers.urls import host_of, is_remote, local_path
from torchup.words import tr

_VARIANT_FOLDER = re.compile(rb"/([a-z]{2,6}[0-9.]*)/torch-\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page lists; `kept` says that it is a copy from an earlier run, of the day `as_of`.

    `fault` is why the live page was not to be had, None when it was or when nobody asked.
    """

    files: tuple[IndexFile, ...] = ()
    names: tuple[str, ...] = ()
    as_of: str
    kept: bool = False
    fault: FetchError | None = None


class PageReader:
    """Reads pages for one look-up; several threads may use it.

    A server that cannot be reached is asked once: `transport` is made on first need and every later page
    of that server fails at once. With `offline` it is never made.
    """

    def __init__(self, *, transport: Callable[[], Transport], kept: KeptPages, today: str, offline: bool) -> None:
        self._make = transport
        self._kept = kept
        self._today = today
        self._offline = offline
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._dead: dict[str, FetchError] = {}

    def files(self, url: str) -> Page:
        """Read a project page, or a flat page of links; raises FetchError."""
        if not is_remote(url):
            return Page(files=read_local_page(local_path(url)), as_of=self._today)
        return self._read(url, lambda answer: self._parsed(answer, "files"))

    def links(self, location: str) -> Page:
        """Read find-links: a folder of wheels, or a page of links; raises FetchError."""
        if not is_remote(location) and local_path(location).suffix not in (".html", ".htm"):
            return Page(files=read_wheel_folder(local_path(location)), as_of=self._today)
        return self.files(location)

    def names(self, url: str) -> Page:
        """Read what the root of an index links to; raises FetchError."""
        if not is_remote(url):
            return Page(names=read_local_names(local_path(url)), as_of=self._today)
        return self._read(url, lambda answer: self._parsed(answer, "names"))

    def variant_folders(self, url: str) -> Page:
        """Read which folders the links of a page point into; raises FetchError.

        PyTorch's root page of torch links to the wheels of every variant. It is long, so it is searched
        rather than parsed.
        """

        def search(answer: Answer) -> Page:
            found = dict.fromkeys(match.decode() for match in _VARIANT_FOLDER.findall(answer.content))
            return Page(names=tuple(sorted(found)), as_of=self._today)

        if not is_remote(url):
            raise FetchError("missing", tr("a local index lists its folders"))
        return self._read(url, search, key=f"{url}#variants")

    def abort(self) -> None:
        """End all transfers."""
        with self._lock:
            transport = self._transport
        if transport is not None:
            transport.abort()

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            transport = self._transport
        if transport is not None:
            transport.close()

    def _read(self, url: str, parse: Callable[[Answer], Page], *, key: str | None = None) -> Page:
        key = key or url
        if self._offline:
            return self._copy(key, FetchError("offline", tr("offline, and no copy is kept")))
        host = host_of(url)
        if (dead := self._dead.get(host)) is not None:
            raise FetchError(dead.kind, dead.detail, status=dead.status, moved=dead.moved)
        try:
            kept = self._kept.get(key) or KeptPage(as_of=self._today)
            answer = self._over_http().get(url, kept.stamp)
            if answer is None:
                page, stamp = Page(files=kept.files, names=kept.names, as_of=self._today), kept.stamp
            else:
                page, stamp = parse(answer), answer.stamp
        except FetchError as fault:
            if fault.kind == "host":
                self._dead.setdefault(host, fault)
            if fault.kind != "page":
                raise
            return self._copy(key, fault)
        self._kept.put(key, KeptPage(files=page.files, names=page.names, as_of=self._today, stamp=stamp))
        return page

    def _copy(self, key: str, fault: FetchError) -> Page:
        kept = self._kept.get(key)
        if kept is None:
            raise fault
        reason = None if fault.kind == "offline" else fault
        return Page(files=kept.files, names=kept.names, as_of=kept.as_of, kept=True, fault=reason)

    def _parsed(self, answer: Answer, what: Literal["files", "names"]) -> Page:
        if what == "names":
            names = parse_names(answer.content, answer.content_type)
            if not isinstance(names, PageProblem):
                return Page(names=names, as_of=self._today)
            problem = names
        else:
            files = parse_page(answer.content, answer.content_type, answer.url)
            if not isinstance(files, PageProblem):
                return Page(files=files, as_of=self._today)
            problem = files
        raise FetchError("page", tr("its answer {detail}", detail=problem.detail))

    def _over_http(self) -> Transport:
        with self._lock:
            if self._transport is None:
                self._transport = self._make()
            return self._transport
