"""The requests session of a look-up: what is retried, what is followed."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import requests
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from torchup import __version__
from torchup.resolve.offers.simple_page import ACCEPT
from torchup.resolve.offers.transport import Limits
from torchup.resolve.offers.web_adapter import PlainAdapter
from torchup.words import tr

_TRANSIENT = (500, 502, 503, 504)


def open_session(adapter: PlainAdapter, limits: Limits) -> requests.Session:
    """Open a session that sends everything through one adapter."""
    session = _Session()
    # Proxies, certificates and logins come from the settings alone: they were read from a given environment.
    session.trust_env = False
    session.max_redirects = limits.redirects
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # max-age=0: no cache on the way answers for the index, as pip asks for index pages.
    session.headers.update({"User-Agent": f"torchup/{__version__}", "Accept": ACCEPT, "Cache-Control": "max-age=0"})
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def transient_retry(limits: Limits) -> Retry:
    """Say what an adapter tries again: resets and 5xx, a few times, and never what Retry-After asks to wait for."""
    return _TransientRetry(
        total=limits.retries,
        connect=0,
        read=limits.retries,
        status=limits.retries,
        redirect=0,
        other=0,
        status_forcelist=_TRANSIENT,
        backoff_factor=0.2,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and resp.url.startswith("https:") and urljoin(resp.url, target).startswith("http:"):
            raise requests.exceptions.InvalidURL(tr("redirected from https to http"), response=resp)
        return target


class _TransientRetry(Retry):
    """Retries what passes by itself. A server that does not answer in time is not asked again."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)
