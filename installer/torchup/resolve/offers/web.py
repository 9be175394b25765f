"""Fetching over HTTP: requests with CacheControl's file cache, within hard limits.

Imported only when something has to be fetched: requests alone costs more than an offline resolution.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError, ReadTimeoutError

from torchup.model.offer import IndexSettings
from torchup.resolve.offers.faults import blamed, explain, missing, status_fault
from torchup.resolve.offers.proxies import proxy_for
from torchup.resolve.offers.transport import Answer, Deadline, FetchError, Limits
from torchup.resolve.offers.urls import Credentials, host_of, parts_of
from torchup.resolve.offers.web_adapter import CachingAdapter, PlainAdapter
from torchup.resolve.offers.web_cache import CheckedFileCache
from torchup.resolve.offers.web_session import open_session, transient_retry
from torchup.resolve.offers.web_sockets import HostNames, OpenSockets
from torchup.words import tr

_CHUNK = 64 * 1024


class HttpTransport:
    """Fetches pages with the settings' proxy, certificates and logins; certificate checks are never off."""

    def __init__(self, settings: IndexSettings, cache: Path | None, limits: Limits, deadline: Deadline) -> None:
        self._settings = settings
        self._limits = limits
        self._deadline = deadline
        self._sockets = OpenSockets()
        self._names = HostNames(limits.connect_s)
        retry = transient_retry(limits)
        self._adapter = (
            PlainAdapter(self._sockets, max_retries=retry)
            if cache is None
            else CachingAdapter(CheckedFileCache(cache), self._sockets, max_retries=retry)
        )
        self._session = open_session(self._adapter, limits)

    def get(self, url: str) -> Answer:
        """Fetch a page; a transfer that breaks off in the middle is tried once more. Raises FetchError."""
        try:
            return self._get(url)
        except _BrokenOff:
            try:
                return self._get(url)
            except _BrokenOff as error:
                raise FetchError("page", tr("cut the connection in the middle of the page")) from error

    def abort(self) -> None:
        """Shut down every open socket, so that no thread waits on."""
        self._sockets.shut()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _get(self, url: str) -> Answer:
        proxy = proxy_for(url, self._settings)
        if proxy is None:
            self._names.check(parts_of(url).hostname or "")
        if self._deadline.passed:
            raise self._deadline.fault()
        left = self._deadline.left
        try:
            response = self._session.get(
                url,
                auth=_login(url, self._settings.credentials),
                proxies={"http": proxy, "https": proxy} if proxy else {},
                verify=self._settings.ca_bundle or True,
                timeout=(min(self._limits.connect_s, left), min(self._limits.read_s, left)),
                stream=True,
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            if isinstance(error, requests.RequestException) and error.response is not None:
                error.response.close()
            if self._deadline.passed:
                raise self._deadline.fault() from error
            raise explain(error, url, self._limits, proxy) from error
        with contextlib.closing(response):
            try:
                return self._read(response)
            except FetchError as fault:
                raise blamed(fault, url, response.url) from fault

    def _read(self, response: requests.Response) -> Answer:
        if self._sockets.closed:
            raise self._deadline.fault()
        if missing(response.status_code):
            raise FetchError(
                "missing", tr("answered {status}", status=response.status_code), status=response.status_code
            )
        if response.status_code != HTTPStatus.OK:
            raise status_fault(response)
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.raw.read(_CHUNK, decode_content=True):
                size += len(part)
                if size > self._limits.page_bytes:
                    limit = f"{self._limits.page_bytes / 1024 / 1024:.0f} MiB"
                    raise FetchError("page", tr("sent a page of more than {limit}", limit=limit))
                parts.append(part)
        except (HTTPError, OSError) as error:
            if self._deadline.passed or self._sockets.closed:
                raise self._deadline.fault() from error
            if isinstance(error, ReadTimeoutError):
                raise FetchError("host", tr("stopped sending for {read_s:g} s", read_s=self._limits.read_s)) from error
            raise _BrokenOff from error
        if self._sockets.closed:
            # A page without a stated length that was cut off by us looks like a whole one.
            raise self._deadline.fault()
        content = b"".join(parts)
        return Answer(
            content=content,
            content_type=response.headers.get("Content-Type"),
            url=response.url,
            keep=lambda: self._keep(response, content),
        )

    def _keep(self, response: requests.Response, content: bytes) -> None:
        if isinstance(self._adapter, CachingAdapter):
            self._adapter.keep(response, content)


class _BrokenOff(Exception):  # noqa: N818  an event inside this module, not an error that anyone sees
    pass


def _login(url: str, credentials: Mapping[str, Credentials]) -> HTTPBasicAuth | None:
    """Find the login of the configured URL that this one lies below, on the same server."""
    below = [
        base
        for base in credentials
        if host_of(base) == host_of(url) and (url == base or url.startswith(base.rstrip("/") + "/"))
    ]
    return HTTPBasicAuth(*credentials[max(below, key=len)]) if below else None
