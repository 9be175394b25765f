"""Fetching over HTTP: requests, within hard limits.

Imported only when something has to be fetched: requests alone costs more than an offline resolution.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from http import HTTPStatus

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError, ReadTimeoutError

from torchup.model.offer import IndexSettings
from torchup.resolve.offers.faults import blamed, explain, missing, status_fault
from torchup.resolve.offers.proxies import proxy_for
from torchup.resolve.offers.transport import Answer, Deadline, FetchError, Limits, Stamp
from torchup.resolve.offers.urls import Credentials, host_of, parts_of
from torchup.resolve.offers.web_adapter import PlainAdapter
from torchup.resolve.offers.web_session import open_session, transient_retry
from torchup.resolve.offers.web_sockets import HostNames, OpenSockets
from torchup.words import tr

_CHUNK = 64 * 1024


class HttpTransport:
    """Fetches pages with the settings' proxy, certificates and logins; certificate checks are never off."""

    def __init__(self, settings: IndexSettings, limits: Limits, deadline: Deadline) -> None:
        self._settings = settings
        self._limits = limits
        self._deadline = deadline
        self._sockets = OpenSockets()
        self._names = HostNames(limits.connect_s)
        self._session = open_session(PlainAdapter(self._sockets, max_retries=transient_retry(limits)), limits)

    def get(self, url: str, known: Stamp | None) -> Answer | None:
        """Fetch a page, None where it is still the one that is known.

        A transfer that breaks off in the middle is tried once more. Raises FetchError.
        """
        try:
            return self._get(url, known)
        except _BrokenOff:
            try:
                return self._get(url, None)
            except _BrokenOff as error:
                raise FetchError("page", tr("cut the connection in the middle of the page")) from error

    def abort(self) -> None:
        """Shut down every open socket, so that no thread waits on."""
        self._sockets.shut()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _get(self, url: str, known: Stamp | None) -> Answer | None:
        proxy = proxy_for(url, self._settings)
        if proxy is None:
            self._names.check(parts_of(url).hostname or "")
        if self._deadline.passed:
            raise self._deadline.fault()
        left = self._deadline.left
        try:
            response = self._session.get(
                url,
                headers=_conditions(known),
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
            if known is not None and response.status_code == HTTPStatus.NOT_MODIFIED:
                # What redirects may lead elsewhere now, where nothing of what is known was ever seen.
                return None if response.url == known.url else self._get(url, None)
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
            stamp=_stamp(response),
        )


class _BrokenOff(Exception):  # noqa: N818  an event inside this module, not an error that anyone sees
    pass


def _stamp(response: requests.Response) -> Stamp | None:
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    return Stamp(url=response.url, etag=etag, modified=modified) if etag or modified else None


def _conditions(known: Stamp | None) -> dict[str, str]:
    if known is None:
        return {}
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in conditions.items() if value}


def _login(url: str, credentials: Mapping[str, Credentials]) -> HTTPBasicAuth | None:
    """Find the login of the configured URL that this one lies below, on the same server."""
    below = [
        base
        for base in credentials
        if host_of(base) == host_of(url) and (url == base or url.startswith(base.rstrip("/") + "/"))
    ]
    return HTTPBasicAuth(*credentials[max(below, key=len)]) if below else None
